import t from 'tap'

import { failureCauses } from '../../ingest/failure-cause.ts'

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
const MAPPING = [
  '[info]   Stream #0:0 -> #1:0 (rawvideo (native) -> h264 (libx264))',
  '[info]   Stream #1:0 -> #2:0 (pcm_s16le (native) -> opus (libopus))',
]

// What FFmpeg 5.1 printed.
const CASES = [
  {
    what: 'a port of the audio leg',
    log: [
      INPUT_VIDEO,
      INPUT_AUDIO,
      '[udp @ 0x55a8] [error] bind failed: Address already in use',
      '[error] rtp://127.0.0.1:40006?rtcpport=40007: Input/output error',
    ],
    causes: { video: 'exit', audio: 'bind' },
  },
  {
    what: 'an input without audio',
    log: [INPUT_VIDEO, '[error] Output file #1 does not contain any stream'],
    causes: { video: 'exit', audio: 'no-such-stream' },
  },
  {
    what: 'the video encoder',
    log: [
      INPUT_VIDEO,
      INPUT_AUDIO,
      ...MAPPING,
      '[libx264 @ 0x55ea] [error] invalid width x height (16400x16)',
      '[error] Error initializing output stream 1:0 -- Error while opening ' +
        'encoder for output stream #1:0 - maybe incorrect parameters',
    ],
    causes: { video: 'encoder', audio: 'exit' },
  },
  {
    what: 'an FFmpeg without libopus',
    log: [INPUT_VIDEO, INPUT_AUDIO, "[fatal] Unknown encoder 'libopus'"],
    causes: { video: 'exit', audio: 'encoder' },
  },
  {
    what: 'an output of the user',
    log: ['[error] Error initializing output stream 0:0 -- '],
    causes: { video: 'encoder', audio: 'encoder' },
  },
  {
    what: 'a bad address',
    log: ['[error] /nonexistent.mp4: No such file or directory'],
    causes: { video: 'exit', audio: 'exit' },
  },
  { what: 'nothing', log: [], causes: { video: 'exit', audio: 'exit' } },
]

for (const { what, log, causes } of CASES) {
  await t.test(`failureCauses blames ${what}`, t => {
    t.same(Object.fromEntries(failureCauses(log, LEGS)), causes)
    t.end()
  })
}
