import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import t, { type Test } from 'tap'

import type { LiveStream } from '../../stream/live-stream.ts'
import {
  FfmpegRun,
  PATTERN_AND_TONE,
  UNSUPERVISED,
} from '../fixtures/ffmpeg.ts'
import {
  managedConfig,
  startMediaStack,
  streamId,
  untilLive,
} from '../fixtures/media-stack.ts'
import { waitFor } from '../../../shared/test/fixtures/wait-for.ts'
import { takePorts } from '../../../shared/test/fixtures/ports.ts'

// Most of the time they wait for silence to count.
t.jobs = 4

const LEG_TIMEOUT_MS = 3_000
/** Polls with packets after which the usual interval of a leg is known. */
const STEADY_POLLS = 6

/** @param legStartTimeoutMs FFmpeg may start slowly on a busy machine */
async function startStream(t: Test, legStartTimeoutMs = 20_000) {
  const stack = await startMediaStack({
    ports: 20,
    legTimeoutMs: LEG_TIMEOUT_MS,
    legStartTimeoutMs,
  })
  t.teardown(() => stack.close())
  const stream = stack.streams.add(streamId('cam'), managedConfig())
  const failures = () => ({
    video: stack.legFailures('cam', 'video'),
    audio: stack.legFailures('cam', 'audio'),
  })
  const run = async (inputs?: readonly string[]) => {
    const ffmpeg = await FfmpegRun.start(stream, inputs)
    t.teardown(() => ffmpeg.stop())
    return ffmpeg
  }
  return { stack, stream, failures, run }
}

/**
 * Waits until the usual interval between packets is known. Polls count, and
 * not packets: after a pause of FFmpeg one poll finds those of seconds.
 */
async function untilSteady(stream: LiveStream): Promise<void> {
  await untilLive(stream)
  const isSteady = async (kind: 'video' | 'audio') => {
    const packets = () => stream.status.legs[kind]?.packets ?? 0
    for (let poll = 0; poll < STEADY_POLLS; poll++) {
      const before = packets()
      await waitFor(() => packets() > before, `packets of ${kind}`)
    }
  }
  await Promise.all([isSteady('video'), isSteady('audio')])
}

t.test('an unexpected end of FFmpeg fails both legs as exit', async t => {
  const { stream, failures, run } = await startStream(t)
  const ffmpeg = await run()
  await untilLive(stream)
  ffmpeg.kill('SIGKILL')
  await ffmpeg.ended
  t.same(failures(), { video: 1, audio: 1 })
  t.match(stream.status, {
    state: 'failed',
    degraded: true,
    legs: { video: { cause: 'exit' }, audio: { cause: 'exit' } },
  })

  const again = await run()
  await untilLive(stream)
  t.match(stream.status, { state: 'live', degraded: false })
  await again.stop()
  t.same(failures(), { video: 1, audio: 1 }, 'a requested end is not counted')
})

t.test('FFmpeg that keeps failing is one failure per leg', async t => {
  const { stream, failures, run } = await startStream(t)
  for (let attempt = 0; attempt < 3; attempt++) {
    const ffmpeg = await run(['-i', '/nonexistent/input.mp4'])
    await ffmpeg.ended
  }
  t.same(failures(), { video: 1, audio: 1 }, 'one episode')
  await run()
  await untilLive(stream)
  t.equal(stream.status.degraded, false, 'the episode ends when RTP flows')
})

t.test('silence of FFmpeg counts once per episode', async t => {
  const { stream, failures, run } = await startStream(t)
  const ffmpeg = await run()
  await untilSteady(stream)
  const frozenAt = performance.now()
  ffmpeg.kill('SIGSTOP')
  await waitFor(() => stream.status.state === 'failed')
  const reportedAfterMs = performance.now() - frozenAt
  // How late it may be is up to the machine; leg-watch.ts tests the rule.
  t.ok(
    reportedAfterMs > LEG_TIMEOUT_MS / 2,
    `reported after ${reportedAfterMs} ms`,
  )
  t.match(stream.status.legs, {
    video: { cause: 'silent' },
    audio: { cause: 'silent' },
  })
  ffmpeg.kill('SIGCONT')
  await untilSteady(stream)
  t.same(failures(), { video: 1, audio: 1 }, 'the first episode')

  ffmpeg.kill('SIGSTOP')
  await waitFor(() => stream.status.state === 'failed')
  t.same(failures(), { video: 2, audio: 2 }, 'the second episode')
  ffmpeg.kill('SIGCONT')
})

t.test('FFmpeg that ignores a stop counts no failure', async t => {
  const { stream, failures, run } = await startStream(t)
  const ffmpeg = await run()
  await untilLive(stream)
  ffmpeg.kill('SIGSTOP')
  ffmpeg.ask()
  await waitFor(() =>
    Object.values(stream.status.legs).every(
      ({ silent_ms }) => (silent_ms ?? 0) > 2 * LEG_TIMEOUT_MS,
    ),
  )
  t.match(stream.status, {
    degraded: false,
    legs: { video: { state: 'idle' }, audio: { state: 'idle' } },
  })
  await ffmpeg.stop()
  t.same(failures(), { video: 0, audio: 0 })

  await run()
  await untilLive(stream)
})

t.test('one silent leg degrades the stream and fails alone', async t => {
  const { stream, failures, run } = await startStream(t)
  await run([
    ...['-re', '-f', 'lavfi', '-i', 'testsrc2=size=320x180:rate=15'],
    ...['-re', '-f', 'lavfi', '-i', 'sine=frequency=440:duration=6'],
  ])
  await untilLive(stream)
  await waitFor(() => stream.status.legs.audio?.state === 'failed')
  t.match(stream.status, {
    state: 'live',
    degraded: true,
    degraded_reason: 'audio: no RTP arrives',
    legs: { video: { state: 'live' }, audio: { cause: 'silent' } },
  })
  t.same(failures(), { video: 0, audio: 1 })
})

t.test('an input without packets fails the legs as silent', async t => {
  const { stream, failures, run } = await startStream(t, 2_000)
  await run(['-i', `udp://127.0.0.1:${(await takePorts(1)).min}`])
  t.match(stream.status, { state: 'starting' })
  await waitFor(() => stream.status.state === 'failed')
  t.match(stream.status.legs, { video: { cause: 'silent' } })
  t.same(failures(), { video: 1, audio: 1 })
})

t.test('missing audio fails its leg as no-such-stream', async t => {
  const { stream, failures, run } = await startStream(t)
  const ffmpeg = await run(PATTERN_AND_TONE.slice(0, 5))
  await ffmpeg.ended
  t.match(stream.status.legs, {
    video: { cause: 'exit' },
    audio: { cause: 'no-such-stream' },
  })
  t.same(failures(), { video: 1, audio: 1 })
})

t.test('a picture too wide for x264 fails as encoder', async t => {
  const { stream, run } = await startStream(t)
  // x264 accepts at most 16384 pixels per line.
  const ffmpeg = await run([
    ...['-re', '-f', 'lavfi', '-i', 'testsrc2=size=16400x16:rate=15'],
    ...PATTERN_AND_TONE.slice(5),
  ])
  await ffmpeg.ended
  t.match(stream.status.legs, {
    video: { cause: 'encoder' },
    audio: { cause: 'exit' },
  })
})

t.test('a port in use fails its leg as bind', async t => {
  const { stack, stream, failures, run } = await startStream(t)
  const { outputs } = await stream.prepareRun(UNSUPERVISED)
  const port = Number(/localrtpport=(\d+)/.exec(outputs.join(' '))?.[1])
  const other = createSocket('udp4')
  t.teardown(() => {
    other.close()
  })
  other.bind({ port, exclusive: true })
  await once(other, 'listening')

  const ffmpeg = FfmpegRun.spawn(stream, [...PATTERN_AND_TONE, ...outputs])
  await ffmpeg.ended
  t.match(stream.status.legs, {
    video: { cause: 'bind' },
    audio: { cause: 'exit' },
  })
  t.same(failures(), { video: 1, audio: 1 })

  await run()
  await untilLive(stream)
  t.same(
    stack.engine.udpPorts.counts(),
    { inUse: 8, available: 11 },
    'the next run has other ports, and the busy one is quarantined',
  )
})

t.test('an empty port pool fails the legs as bind', async t => {
  const stack = await startMediaStack({ ports: 7 })
  t.teardown(() => stack.close())
  const stream = stack.streams.add(streamId('cam'), managedConfig())
  await t.rejects(stream.prepareRun(UNSUPERVISED), {
    name: 'StreamError',
    code: 'ports',
  })
  t.equal(stack.legFailures('cam', 'video'), 1)
  t.equal(stack.legFailures('cam', 'audio'), 1)
  t.match(stream.status, {
    state: 'failed',
    legs: { video: { cause: 'bind' } },
  })
  await stream.stop()
  await waitFor(() => stack.engine.udpPorts.counts().inUse === 0)
})

t.test('a frozen worker fails the legs as worker', async t => {
  const { stack, stream, failures } = await startStream(t)
  const [worker] = stack.engine.workers
  if (worker === undefined) throw new Error('Expected a worker')
  process.kill(worker.pid, 'SIGSTOP')
  t.teardown(() => {
    process.kill(worker.pid, 'SIGCONT')
  })
  await t.rejects(stream.prepareRun(UNSUPERVISED), { name: 'StreamError' })
  t.match(stream.status, {
    state: 'failed',
    degraded_reason: /^video: the media worker failed/,
    legs: { video: { cause: 'worker' }, audio: { cause: 'worker' } },
  })
  t.same(failures(), { video: 1, audio: 1 })
})
