/** The advice of the operator's page after a probe. */
import t from 'tap'
import {
  adviceOn,
  probedWords,
  type ProbedStream,
} from '../../../web/static/admin/advice.js'

const H264: ProbedStream = {
  type: 'video',
  codec: 'h264',
  profile: 'Main',
  pix_fmt: 'yuv420p',
  width: 1920,
  height: 1080,
  fps: 25,
  bitrate_kbps: 4000.4,
  key_frame_seconds: 1,
  b_frames: false,
}
const OPUS: ProbedStream = {
  type: 'audio',
  codec: 'opus',
  sampling_hz: 48_000,
  layout: 'stereo',
}
const ONCE = { loop: false }

t.test('H264 and Opus that browsers play are copied', t => {
  t.same(adviceOn([H264, OPUS], ONCE), {
    video: { codec: 'copy', words: 'Video: copy will play.' },
    audio: { codec: 'copy', words: 'Sound: copy will play.' },
  })
  t.end()
})

const ENCODED: Readonly<Record<string, ProbedStream>> = {
  'HEVC: needs h264.': { ...H264, codec: 'hevc' },
  'B-frames: needs h264.': { ...H264, b_frames: true },
  'Pixel format yuv422p10le: needs h264.': { ...H264, pix_fmt: 'yuv422p10le' },
  'Key frames 8.0 s apart: needs h264.': { ...H264, key_frame_seconds: 8 },
  'Video: copy may not play, h264 will.': { ...H264, key_frame_seconds: null },
}

for (const [words, video] of Object.entries(ENCODED)) {
  t.test(`advice: ${words}`, t => {
    t.same(adviceOn([video], ONCE).video, { codec: 'h264', words })
    t.end()
  })
}

t.test('a looped file is encoded, since the server copies no loop', t => {
  const { video } = adviceOn([H264], { loop: true })
  t.same(video, { codec: 'h264', words: 'A loop: needs h264.' })
  t.end()
})

t.test('what is not there gets the codec none', t => {
  t.equal(adviceOn([OPUS], ONCE).video.codec, 'none')
  t.equal(adviceOn([H264], ONCE).audio.codec, 'none')
  t.end()
})

t.test('other audio than Opus is encoded', t => {
  const audio = { ...OPUS, codec: 'aac' }
  t.same(adviceOn([audio], ONCE).audio, {
    codec: 'opus',
    words: 'AAC: needs opus.',
  })
  t.end()
})

t.test('the words of a probed stream name all that is known', t => {
  t.equal(
    probedWords(H264),
    'video h264 Main, 1920×1080, yuv420p, 25 frames/s, 4000 kbit/s, ' +
      'a key frame every 1.0 s, no B-frames',
  )
  t.equal(probedWords(OPUS), 'audio opus, 48000 Hz, stereo')
  t.end()
})
