/** How FFmpeg repairs the timestamps of its inputs, measured at a socket. */
import { execFile } from 'node:child_process'
import t from 'tap'

import { shiftTimestamps } from '../fixtures/udp-relay.ts'
import { waitFor } from '../../../shared/test/fixtures/wait-for.ts'
import { takePorts } from '../../../shared/test/fixtures/ports.ts'
import { startCamera } from '../ingest/fixtures/camera.ts'
import {
  RecordedRun,
  stepsOf,
  ticks,
  type RecordedFrame,
} from '../ingest/fixtures/recorded-run.ts'

const LIMIT_MS = 90_000
t.setTimeout(300_000)

const VIDEO_HZ = 90_000
const AUDIO_HZ = 48_000
const SENT_HZ = { video: 90_000, audio: 8_000 } as const

const HOUR_S = 3_600

const JUMPS: Readonly<Record<string, (second: number) => number>> = {
  'jump an hour ahead': () => HOUR_S,
  'jump back a quarter of an hour': () => -900,
  'jump back a second': () => -1,
  'jump every second': second => second * 50,
}

for (const [name, jumpS] of Object.entries(JUMPS)) {
  await t.test(
    `audio and video continue in sync when timestamps ${name}`,
    async t => {
      const camera = await startCamera(t)
      const run = await RecordedRun.start(t, [camera.input])
      const { video, audio } = run.frames
      await waitFor(
        () => video.length > 60 && audio.length > 200,
        'RTP',
        LIMIT_MS,
      )
      const skew = skewMs(run)
      const [videoBefore, audioBefore] = [video.length, audio.length]
      let first: number | undefined
      const change = (hz: number) => {
        first ??= performance.now()
        const startMs = first
        return shiftTimestamps(() => {
          const second = Math.floor((performance.now() - startMs) / 1_000)
          return jumpS(second + 1) * hz
        })
      }
      camera.change(change(SENT_HZ.video), change(SENT_HZ.audio))
      await waitFor(
        () =>
          video.length > videoBefore + 60 && audio.length > audioBefore + 150,
        'RTP after the jump',
        LIMIT_MS,
      )
      const steps = stepsOf(video)
      t.ok(
        steps.every(step => step > 0 && step < VIDEO_HZ),
        `video continues: ${steps.join(' ')}`,
      )
      const audioSteps = stepsOf(audio)
      t.ok(
        audioSteps.every(step => step > 0 && step < AUDIO_HZ),
        `audio continues: ${audioSteps.join(' ')}`,
      )
      t.same(run.restarts, 0, 'in one run')
      const drift = Math.abs(skewMs(run) - skew)
      // At each jump FFmpeg takes a delay of a busy machine for a pause.
      const maxMs = 200 + (jumpS(5) / jumpS(1)) * longestPauseMs(video, audio)
      t.ok(drift < maxMs, `audio stays in sync with video: ${drift} ms`)
    },
  )
}

await t.test(
  'video continues when single timestamps are hours off',
  async t => {
    const camera = await startCamera(t)
    let pictures = 0
    let last: number | undefined
    camera.change(
      shiftTimestamps(timestamp => {
        if (timestamp !== last) pictures++
        last = timestamp
        const isOutlier = pictures > 45 && pictures % 20 === 0
        return isOutlier ? 36_000 * VIDEO_HZ : 0
      }),
      packet => packet,
    )
    const run = await RecordedRun.start(t, [camera.input])
    const { video } = run.frames
    await waitFor(() => video.length > 120, 'pictures', LIMIT_MS)
    const steps = stepsOf(video)
    t.ok(
      steps.every(step => step > 0 && step < VIDEO_HZ),
      steps.join(' '),
    )
  },
)

await t.test('audio and video continue when RTP timestamps wrap', async t => {
  const camera = await startCamera(t)
  const wrap = (hz: number) => {
    let shift: number | undefined
    return shiftTimestamps(timestamp => {
      shift ??= 2 ** 32 - 6 * hz - timestamp
      return shift
    })
  }
  camera.change(wrap(SENT_HZ.video), wrap(SENT_HZ.audio))
  const run = await RecordedRun.start(t, [camera.input])
  const { video, audio } = run.frames
  await waitFor(
    () => video.length > 150 && audio.length > 400,
    'ten seconds',
    LIMIT_MS,
  )
  t.ok(stepsOf(video).every(step => step > 0 && step < VIDEO_HZ))
  t.ok(stepsOf(audio).every(step => step > 0 && step < AUDIO_HZ))
})

function longestPauseMs(...kinds: readonly RecordedFrame[][]): number {
  const pauses = kinds.flatMap(frames =>
    frames.slice(1).map(({ atMs }, at) => atMs - (frames[at]?.atMs ?? atMs)),
  )
  return Math.max(...pauses)
}

/** Sends MPEG-TS, at `rate` Hz for audio. */
function sendTs(port: number, size: string, rate: number, seconds: number) {
  return execFile('ffmpeg', [
    ...['-loglevel', 'error'],
    ...['-re', '-f', 'lavfi', '-i', `testsrc2=size=${size}:rate=25`],
    ...['-re', '-f', 'lavfi', '-i', 'sine', '-t', `${seconds}`],
    ...['-c:v', 'libx264', '-preset', 'ultrafast', '-bf', '0', '-g', '25'],
    ...['-pix_fmt', 'yuv420p', '-c:a', 'aac', '-ar', `${rate}`, '-ac', '1'],
    ...['-f', 'mpegts', `udp://127.0.0.1:${port}?pkt_size=1316`],
  ])
}

await t.test(
  'a new sender with another picture size and audio rate continues the stream',
  async t => {
    const { min: port } = await takePorts(1)
    const run = await RecordedRun.start(t, [
      { address: `udp://127.0.0.1:${port}`, options: ['-f', 'mpegts'] },
    ])
    const { video, audio } = run.frames
    const first = sendTs(port, '640x360', 44_100, 60)
    t.teardown(() => first.kill('SIGKILL'))
    await waitFor(
      () => video.length > 50 && audio.length > 100,
      'RTP',
      LIMIT_MS,
    )
    first.kill('SIGKILL')
    const second = sendTs(port, '480x270', 48_000, 60)
    t.teardown(() => second.kill('SIGKILL'))
    await waitFor(() => run.log.some(isResized), 'another size', LIMIT_MS)
    const [videoBefore, audioBefore] = [video.length, audio.length]
    await waitFor(
      () => video.length > videoBefore + 75 && audio.length > audioBefore + 150,
      'RTP of the new sender',
      LIMIT_MS,
    )
    t.ok(
      stepsOf(video.slice(videoBefore)).every(step => step === 3_600),
      'video at the frame rate of the source',
    )
    const steps = stepsOf(audio.slice(audioBefore))
    t.ok(
      steps.filter(step => step !== 960).length < 3,
      `audio without gaps except at the switch: ${steps.join(' ')}`,
    )
    t.equal(run.restarts, 0)
  },
)

function isResized(line: string): boolean {
  return line.includes('incoming frame - w: 480 h: 270')
}

/**
 * Milliseconds that audio is ahead of video by their sender reports, compared
 * with their arrival. The least delayed of the last frames count.
 */
function skewMs({ frames, reports }: RecordedRun): number {
  const aheadMs = (kind: 'video' | 'audio', hz: number) => {
    const report = reports.get(kind)
    if (!report) throw new Error(`Expected a report of ${kind}`)
    const { ntpS, timestamp } = report
    const ahead = frames[kind]
      .slice(-30)
      .map(f => (ntpS + ticks(timestamp, f.timestamp) / hz) * 1_000 - f.atMs)
    return Math.max(...ahead)
  }
  return aheadMs('audio', AUDIO_HZ) - aheadMs('video', VIDEO_HZ)
}
