import t from 'tap'

import { failureCauses } from '../../../ingest/run/failure-cause.ts'

const LEGS = [
  {
    kind: 'video',
    ports: { rtp: 40_004, rtcp: 40_005, localRtp: 40_000, localRtcp: 40_001 },
  },
  {
    kind: 'audio',
    ports: { rtp: 40_006, rtcp: 40_007, localRtp: 40_002, localRtcp: 40_003 },
  },
] as const

const INPUT_VIDEO =
  '[info]   Stream #0:0[0x1](und): Video: h264 (High), yuv420p, 1280x720'
const INPUT_AUDIO = '[info]   Stream #1:0: Audio: pcm_s16le, 44100 Hz, mono'
const OPENING =
  '[error] Error initializing output stream 1:0 -- Error while opening ' +
  'encoder for output stream #1:0 - maybe incorrect parameters'
const MAPPING = [
  '[info]   Stream #0:0 -> #1:0 (rawvideo (native) -> h264 (libx264))',
  '[info]   Stream #1:0 -> #2:0 (pcm_s16le (native) -> opus (libopus))',
]

const ENCODER_TAG = '[info]         ENCODER         : Lavc59.37.100 libx264'
const DUMP = ["[info] Input #0, matroska,webm, from 'cam':", INPUT_VIDEO]
const OUTPUT_AUDIO =
  "[info] Output #2, rtp, to 'rtp://127.0.0.1:40006?rtcpport=40007':"

// Cases without a recorded log; failure-logs.ts has the others.
const CASES = [
  {
    what: 'the encoder if nothing else is logged',
    log: ['[libx264 @ 0x55ea] [error] invalid width x height', OPENING],
    causes: { video: 'encoder', audio: 'exit' },
  },
  {
    what: 'the video encoder although input tags name the audio encoder',
    log: [
      ...DUMP,
      INPUT_AUDIO,
      ENCODER_TAG.replace('libx264', 'libopus'),
      ...MAPPING,
      '[vost#1:0/libx264 @ 0x5605] [error] Error while opening encoder - maybe',
      '[info]         encoder         : Lavc61.19.101 libopus',
    ],
    causes: { video: 'encoder', audio: 'exit' },
  },
  {
    what: 'no leg for warnings and tags of the input',
    log: [
      ...DUMP,
      '[info]     title           : bind failed: Address already in use',
      "[info]     comment         : Stream map '0:a' matches no streams.",
      ENCODER_TAG,
      '[warning] Output file #1 does not contain any stream',
      '[aost#2:0/libopus @ 0x1] [warning] Error while opening encoder',
    ],
    causes: { video: 'exit', audio: 'exit' },
  },
  {
    what: "no leg for an operator's map that matches nothing",
    log: [...DUMP, INPUT_AUDIO, "[fatal] Stream map '0:s' matches no streams."],
    causes: { video: 'exit', audio: 'exit' },
  },
  {
    what: 'no leg for a missing stream that an input does have',
    log: [
      ...DUMP,
      INPUT_AUDIO,
      OUTPUT_AUDIO,
      '[error] Output file #2 does not contain any stream',
    ],
    causes: { video: 'exit', audio: 'exit' },
  },
  {
    what: 'the audio leg for an input without audio, despite its tags',
    log: [
      ...DUMP,
      '[info]     title           : Stream #0:1: Audio: aac, 48000 Hz',
      '[info]     Stream #0:1: Audio: aac',
      '[error] Output file #1 does not contain any stream',
    ],
    causes: { video: 'exit', audio: 'no-such-stream' },
  },
  {
    what: 'the video leg for an input with nothing but cover art',
    log: [
      "[info] Input #0, mp3, from 'song.mp3':",
      '[info]   Stream #0:0: Audio: mp3, 44100 Hz, stereo, fltp, 192 kb/s',
      '[info]   Stream #0:1: Video: mjpeg, yuvj420p, 500x500 (attached pic)',
      "[fatal] Stream map '0:V:0' matches no streams.",
    ],
    causes: { video: 'no-such-stream', audio: 'exit' },
  },
  {
    what: 'the leg that is named if the inputs are not dumped',
    log: [
      '[out#3/rtp @ 0x1] [error] Output file does not contain any stream',
      '[error] Error opening output file rtp://127.0.0.1:40006?rtcpport=40007.',
    ],
    causes: { video: 'exit', audio: 'no-such-stream' },
  },
  {
    what: 'no leg for a port of an input',
    log: [
      '[udp @ 0x55a8] [error] bind failed: Address already in use',
      '[error] Error opening input file rtp://127.0.0.1:40006?localrtpport=1.',
    ],
    causes: { video: 'exit', audio: 'exit' },
  },
  {
    what: 'an encoder that fails after the start (5.1)',
    log: ['[error] Error submitting audio frame to the encoder'],
    causes: { video: 'exit', audio: 'encoder' },
  },
  {
    what: 'an encoder that fails after the start (7.1)',
    log: [
      "[info] Output #1, rtp, to 'rtp://127.0.0.1:40004?rtcpport=40005':",
      '[vost#1:0/libx264 @ 0x1] [error] Error submitting a frame to the encoder',
    ],
    causes: { video: 'encoder', audio: 'exit' },
  },
  {
    what: "no leg for an operator's encoder that fails after the start",
    log: [
      "[info] Output #1, rtp, to 'rtp://127.0.0.1:40004?rtcpport=40005':",
      '[vost#0:0/libx264 @ 0x1] [error] Error submitting a frame to the encoder',
    ],
    causes: { video: 'exit', audio: 'exit' },
  },
  {
    what: 'no leg for an output of the operator',
    log: ['[error] Error initializing output stream 0:0 -- '],
    causes: { video: 'exit', audio: 'exit' },
  },
  {
    what: 'the encoder if the RTP header cannot be written',
    log: [
      ...MAPPING,
      '[out#2/rtp @ 0x1] [error] Could not write header: Invalid argument',
    ],
    causes: { video: 'exit', audio: 'encoder' },
  },
  {
    what: 'no leg for a bad address',
    log: ['[error] /nonexistent.mp4: No such file or directory'],
    causes: { video: 'exit', audio: 'exit' },
  },
  {
    what: 'no leg for an empty log',
    log: [],
    causes: { video: 'exit', audio: 'exit' },
  },
]

for (const { what, log, causes } of CASES) {
  await t.test(`failureCauses() blames ${what}`, t => {
    const found = failureCauses(log, LEGS)
    t.same(Object.fromEntries(found.causes), causes)
    t.same([...found.details], [])
    t.end()
  })
}

await t.test('failureCauses() names the codec that a copy needs', t => {
  const copied = LEGS.map(leg => ({ ...leg, copied: true }))
  const why = (...log: readonly string[]) => {
    const { causes, details } = failureCauses(log, copied)
    return [...causes.values(), ...details.values()]
  }
  t.same(
    why(
      "[opus_metadata @ 0x1] [error] Codec 'aac' (86018) is not supported by " +
        "the bitstream filter 'opus_metadata'. Supported codecs are: opus (1)",
      '[aost#1:0/copy @ 0x1] [error] Error initializing bitstream filter: ',
    ),
    ['exit', 'codec', 'audio copy needs opus, the input is aac: use opus'],
  )
  t.same(
    why('[aost#1:0/copy @ 0x1] [error] Error initializing bitstream filter: '),
    ['exit', 'codec', "audio copy cannot send the input's opus: use opus"],
  )
  // Opus with more than two channels, for which RTP has no format.
  t.same(
    why(
      ...DUMP,
      '[info]   Stream #0:1: Audio: opus, 48000 Hz, 5.1, fltp',
      OUTPUT_AUDIO.replace('#2', '#1'),
      '[rtp @ 0x1] [error] Multistream opus not supported in RTP',
      '[out#1/rtp @ 0x1] [error] Could not write header (incorrect codec ' +
        'parameters ?): Invalid data found when processing input',
    ),
    ['exit', 'codec', "audio copy cannot send the input's opus: use opus"],
  )
  t.end()
})

t.test(
  'failureCauses() blames no encoder for an error before its output started',
  t => {
    const [video, audio] = LEGS
    const options = ['-c:v', 'h264_vaapi', '-vf', 'format=nv12,hwupload']
    const legs = [{ ...video, options }, audio]
    const device =
      '[AVHWDeviceContext @ 0x55] [error] No VA display found for device /dev/x.'
    const output =
      "[info] Output #1, rtp, to 'rtp://127.0.0.1:40004?rtcpport=40005':"
    const failed = failureCauses([device], legs)
    t.equal(failed.causes.get('video'), 'encoder')
    const ended = failureCauses([...DUMP, device, output], legs)
    t.equal(ended.causes.get('video'), 'exit')
    t.equal(ended.details.get('video'), undefined)
    t.end()
  },
)

t.test('failureCauses() masks the passwords in options', t => {
  const [video] = LEGS
  const options = ['-vf', 'movie=rtsp\\://me\\:hidden@cam/1[l];[in][l]overlay']
  const error =
    "[Parsed_movie_5 @ 0x1] [error] Failed to avformat_open_input 'rtsp://me:hidden@cam/1'"
  const { details } = failureCauses([error], [{ ...video, options }])
  t.match(details.get('video'), 'FFmpeg rejects webrtc.video.options: Failed')
  t.notMatch(details.get('video'), 'hidden')
  t.end()
})
