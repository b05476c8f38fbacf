/** Options of the operator, given to FFmpeg; its RTP is measured at a socket. */
import t from 'tap'

import { waitFor } from '../../../../shared/test/fixtures/wait-for.ts'
import { requireFfmpeg } from '../../fixtures/require-ffmpeg.ts'
import { RecordedRun, stepsOf } from '../fixtures/recorded-run.ts'

requireFfmpeg(t)

const LIMIT_MS = 90_000
t.setTimeout(300_000)

const LAVFI = ['-re', '-f', 'lavfi']
const PICTURE = { address: 'testsrc2=size=320x180:rate=15', options: LAVFI }
const TONE = { address: 'sine=frequency=440', options: LAVFI }

/** FFmpeg's log of its video output, and of the profile. */
const videoOf = (run: RecordedRun) =>
  run.log.filter(line => / Video: h264|\bprofile [A-Z]/.test(line)).join('\n')

const VIDEO: readonly (readonly [
  what: string,
  video: object,
  output: string | RegExp,
])[] = [
  ['no options', {}, /yuv420p.*320x180.*1500 kb/],
  [
    'a preset, a profile and a bitrate',
    { options: ['-preset', 'fast', '-profile:v', 'high', '-b:v', '300k'] },
    /profile High, (?:.|\n)*, 300 kb/,
  ],
  [
    'x264 parameters',
    { options: ['-x264-params', 'aq-mode=0', '-tune', 'film'] },
    /yuv420p/,
  ],
  [
    'a filter, after height',
    { height: 90, options: ['-vf', 'crop=80:60,hflip'] },
    ', 80x60 [SAR 1:1',
  ],
  [
    'a graph of filters with [in] and [out]',
    {
      options: [
        '-filter:v',
        'color=size=64x64:rate=15[logo];[in][logo]overlay=8:8[out]',
      ],
    },
    ', 320x180 [SAR 1:1',
  ],
  [
    'a filter that changes the pixel format',
    { options: ['-vf', 'format=rgb24,negate'] },
    'yuv420p',
  ],
]

for (const [what, video, output] of VIDEO) {
  await t.test(`video with ${what} is sent as it should be`, async t => {
    const run = await RecordedRun.start(t, [PICTURE], { video, audio: 'none' })
    const { frames } = run
    await waitFor(
      () => frames.video.filter(frame => frame.isKeyFrame).length > 2,
      'key frames',
      LIMIT_MS,
    )
    t.match(videoOf(run), output)
    t.ok(stepsOf(frames.video).every(step => step === 6_000))
    t.equal(run.code, undefined, 'FFmpeg runs')
  })
}

const AUDIO: readonly (readonly [what: string, audio: object])[] = [
  ['a filter that changes the sample rate', ['-af', 'aresample=22050']],
  ['a filter and mono', ['-af', 'volume=0.5', '-ac', '1']],
  ['redundancy', ['-fec:a', '1', '-packet_loss', '10', '-vbr', 'off']],
  ['another encoder', ['-c:a', 'opus', '-strict', '-2']],
].map(([what, options]) => [String(what), { options }] as const)

for (const [what, audio] of AUDIO) {
  await t.test(`audio with ${what} is sent every 20 ms`, async t => {
    const run = await RecordedRun.start(t, [TONE], { video: 'none', audio })
    const { frames } = run
    await waitFor(() => frames.audio.length > 100, 'audio', LIMIT_MS)
    t.ok(stepsOf(frames.audio).every(step => step === 960))
    t.equal(run.code, undefined, 'FFmpeg runs')
  })
}
