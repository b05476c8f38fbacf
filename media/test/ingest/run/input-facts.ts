import t from 'tap'

import {
  InputFactsReader,
  type InputFacts,
} from '../../../ingest/run/input-facts.ts'

/** Returns the facts in a log. */
function factsOf(dump: string): InputFacts | undefined {
  const reader = new InputFactsReader()
  for (const line of dump.split('\n')) {
    if (line.trim() !== '') reader.read(line)
  }
  return reader.facts
}

// FFmpeg 7.1; 5.1 logs the same without `mp3float`.
t.test('InputFactsReader recognizes cover art', t => {
  const facts = factsOf(`
[info] Input #0, mp3, from '/tmp/m/cover.mp3':
[info]   Metadata:
[info]     title           : Stream #0:0: Video: h264
[info]   Duration: 00:00:12.04, start: 0.025056, bitrate: 85 kb/s
[info]   Stream #0:0: Audio: mp3 (mp3float), 44100 Hz, mono, fltp, 64 kb/s
[info]   Stream #0:1: Video: png, rgb24(pc, gbr/unknown/unknown), 500x500 [SAR 1:1 DAR 1:1], 90k tbr, 90k tbn (attached pic)
[info] Stream mapping:
[info]   Stream #0:1 -> #0:0 (png (native) -> h264 (libx264))
[info]   Stream #0:0 -> #1:0 (mp3 (mp3float) -> opus (libopus))`)
  t.same(facts, {
    inputs: [{ format: 'mp3', durationS: 12.04 }],
    video: {
      input: 0,
      codec: 'png',
      pixelFormat: 'rgb24',
      interlaced: false,
      attachedPicture: true,
    },
    audio: { input: 0, codec: 'mp3' },
  })
  t.end()
})

t.test('InputFactsReader reports a late stream that was not selected', t => {
  const facts = factsOf(`
[info] Input #0, mpegts, from 'udp://127.0.0.1:29999':
[info]   Duration: N/A, start: 1.400000, bitrate: 71 kb/s
[info]   Stream #0:0[0x100]: Video: h264 ([27][0][0][0] / 0x001B), none, 90k tbr, 90k tbn
[info]   Stream #0:1[0x101]: Audio: aac (LC) ([15][0][0][0] / 0x000F), 44100 Hz, mono, fltp, 71 kb/s
[error] Output file #0 does not contain any stream`)
  t.same(facts, { inputs: [{ format: 'mpegts' }], late: { video: '0:0' } })
  const late = (error: string) =>
    factsOf(`
[info] Input #0, mpegts, from 'udp://127.0.0.1:29999':
[info]   Stream #0:0[0x100]: Video: h264 (High) ([27][0][0][0] / 0x001B), yuv420p(progressive), 320x180, 15 fps
[info]   Stream #0:1[0x101]: Audio: aac ([15][0][0][0] / 0x000F), 0 channels
${error}`)?.late
  const error = 'Output file does not contain any stream'
  t.same(late(`[out#1/rtp @ 0x55d0c8] [fatal] ${error}`), { audio: '0:1' })
  t.equal(late(''), undefined)
  t.end()
})

t.test('InputFactsReader detects interlacing in input or output', t => {
  const input = `
[info] Input #0, mpegts, from 'inter.ts':
[info]   Duration: N/A, start: 1.429089, bitrate: 3560 kb/s
[info]   Stream #0:0[0x100](eng): Video: mpeg2video (Main) ([2][0][0][0] / 0x0002), yuv420p(tv, FIELD), 720x576 [SAR 16:15 DAR 4:3], 25 fps, 25 tbr, 90k tbn
[info]   Stream #0:1[0x101]: Audio: mp2 ([3][0][0][0] / 0x0003), 44100 Hz, mono, fltp, 384 kb/s
[info] Stream mapping:
[info]   Stream #0:0 -> #0:0 (mpeg2video (native) -> h264 (libx264))
`
  const output = `
[info] Output #0, rtp, to 'rtp://127.0.0.1:31102?rtcpport=31103':
[info]   Stream #0:0: Video: h264, yuv420p(tv, FIELD), 720x576, q=2-31, 25 fps
`
  const interlaced = (read: string, made = 'progressive') =>
    factsOf(input.replace('FIELD', read) + output.replace('FIELD', made))?.video
      ?.interlaced
  for (const order of [
    'top first',
    'bottom first',
    'top coded first (swapped)',
  ]) {
    t.equal(interlaced(order), true, order)
  }
  t.equal(interlaced('progressive'), false)
  t.equal(interlaced('progressive', 'bottom coded first (swapped)'), true)
  t.match(factsOf(input), {
    inputs: [{ format: 'mpegts', durationS: undefined }],
    video: { codec: 'mpeg2video', profile: 'Main', pixelFormat: 'yuv420p' },
    audio: undefined,
  })
  t.end()
})

t.test('InputFactsReader reports the selected streams of several inputs', t => {
  const facts = factsOf(`
[info] Input #0, rtsp, from 'rtsp://127.0.0.1/cam':
[info]   Duration: N/A, start: 0.000000, bitrate: N/A
[info]   Stream #0:0: Video: h264 (High 4:2:2), yuv422p10le(tv, bt709, progressive), 1920x1080, 25 fps, 25 tbr, 90k tbn
[info]   Stream #0:1: Video: hevc (Main), none, 90k tbr, 90k tbn
[info] Input #1, flv, from 'http://127.0.0.1/live.flv':
[info]   Duration: 00:00:00.00, start: 0.000000, bitrate: N/A
[info]   Stream #1:0: Audio: aac (LC), 44100 Hz, mono, fltp, 69 kb/s
[info]   Stream #1:1: Audio: opus, 48000 Hz, stereo, fltp
[info] Stream mapping:
[info]   Stream #0:1 -> #0:0 (copy)
[info]   Stream #0:0 -> #1:0 (h264 (native) -> h264 (libx264))
[info]   Stream #1:1 -> #2:0 (opus (native) -> opus (libopus))`)
  t.same(facts?.inputs, [{ format: 'rtsp' }, { format: 'flv' }])
  t.match(facts?.video, {
    input: 0,
    codec: 'h264',
    profile: 'High 4:2:2',
    pixelFormat: 'yuv422p10le',
  })
  t.same(facts?.audio, { input: 1, codec: 'opus' })
  t.end()
})

t.test('InputFactsReader distinguishes profiles from decoders', t => {
  const profile = (codec: string) =>
    factsOf(`
  Stream mapping:
Input #0, x, from '':
  Stream #0:0: Video: ${codec}, yuv420p, 1x1
Stream mapping:
  Stream #0:0 -> #0:0 (x)`)?.video?.profile
  t.equal(
    profile('h264 (Constrained Baseline) (avc1 / 0x31637661)'),
    'Constrained Baseline',
  )
  t.equal(profile('vp9 (libvpx-vp9) (Profile 0)'), 'Profile 0')
  t.equal(profile('vp9 (Profile 0)'), 'Profile 0')
  t.equal(profile('mjpeg (MJPG / 0x47504A4D)'), undefined)
  t.equal(profile('h264'), undefined)
  t.end()
})

t.test('InputFactsReader knows nothing without a dump', t => {
  t.equal(
    factsOf('[error] rtsp://127.0.0.1/cam: Connection refused'),
    undefined,
  )
  t.end()
})
