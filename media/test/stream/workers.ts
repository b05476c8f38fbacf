import t, { type Test } from 'tap'

import type { MediaWorker } from '../../engine/media-worker.ts'
import { FfmpegRun } from '../fixtures/ffmpeg.ts'
import {
  managedConfig,
  startMediaStack,
  streamId,
  untilLive,
  type MediaStackOptions,
} from '../fixtures/media-stack.ts'
import { waitFor } from '../../../shared/test/fixtures/wait-for.ts'
import { CHROMIUM, startPlayingStream } from '../fixtures/playing-stream.ts'
import { endViewers, TestViewer } from '../fixtures/viewer.ts'
import { dumpWorker } from '../fixtures/worker-dump.ts'

const FIREFOX = { video: 126, audio: 109 }

t.setTimeout(120_000)
t.teardown(endViewers)

/** A playing stream, and the worker that has it. */
async function playing(
  t: Test,
  workers: number,
  options: MediaStackOptions = {},
) {
  const playing = await startPlayingStream(t, { workers, ...options })
  const own = playing.stack.engine.workers.find(({ load }) => load > 0)
  if (own === undefined) throw new Error('No worker has the stream')
  return { ...playing, own }
}

async function isEmpty(worker: MediaWorker): Promise<boolean> {
  await worker.settled()
  return (await dumpWorker(worker)).routerIds.length === 0
}

await t.test('a worker death requests one restart', async t => {
  const { stack, stream, own, view, restart, restarts } = await playing(t, 1)
  const viewers = [await view(), await view({ types: FIREFOX })]
  const states: string[] = []
  for (const viewer of viewers) {
    await viewer.plays('video')
    viewer.transport.onState(state => states.push(state))
  }
  process.kill(own.pid, 'SIGKILL')
  await waitFor(() => states.length === 2)
  t.same(states, ['worker-died', 'worker-died'])
  t.same(restarts(), ['its worker died'], 'one restart is requested')
  await t.rejects(view(), { code: 'worker' })

  await restart()
  await untilLive(stream)
  const viewer = await view()
  await Promise.all([viewer.plays('video'), viewer.plays('audio')])
  t.equal(stack.reported.length, 0, 'no leg failure is counted')
  t.equal(stack.engine.udpPorts.counts().inUse, 9, 'no port leaks')
})

await t.test('a worker that ends in a shutdown is not a failure', async t => {
  const { stack, stream, own, view, restarts } = await playing(t, 1)
  const { transport } = await view()
  stack.engine.beginShutdown()
  // Ctrl-C in a terminal reaches the workers too.
  process.kill(own.pid, 'SIGINT')
  await waitFor(() => transport.state === 'stream-ended')
  stream.runEnded({ requested: false, code: 1, signal: null, log: [] })
  t.same(restarts(), [], 'no restart is requested')
  t.equal(stack.reported.length, 0)
  t.same(stack.engine.workers, [], 'no worker is started again')
})

await t.test('an FFmpeg that ends after its worker is not counted', async t => {
  const { stack, stream, own, restart, restarts } = await playing(t, 1)
  process.kill(own.pid, 'SIGKILL')
  await waitFor(() => restarts().length === 1)
  stream.runEnded({ requested: false, code: 1, signal: null, log: [] })
  t.equal(stack.reported.length, 0, 'no leg failure is counted')
  await restart()
  await untilLive(stream)
})

await t.test('viewers spread over the workers', async t => {
  const { stack, own, view, restarts } = await playing(t, 2)
  const other = stack.engine.workers.find(worker => worker !== own)
  if (other === undefined) throw new Error('Expected two workers')
  const viewers: TestViewer[] = []
  for (let count = 0; count < 6; count++) viewers.push(await view())
  t.ok(own.load >= 3 && other.load >= 3, `${own.load} and ${other.load}`)
  t.equal(
    stack.engine.udpPorts.counts().inUse,
    8 + 6 + 2,
    'they share one pipe',
  )
  await Promise.all(viewers.map(viewer => viewer.plays('video')))

  await t.test('a worker death ends only its own viewers', async t => {
    process.kill(other.pid, 'SIGKILL')
    const lost = () =>
      viewers.filter(({ transport }) => transport.state === 'worker-died')
    await waitFor(() => lost().length > 0)
    const kept = viewers.filter(viewer => !lost().includes(viewer))
    t.ok(kept.length >= 2, `${kept.length} viewers stay`)
    await Promise.all(kept.map(viewer => viewer.plays('video')))
    t.same(restarts(), [])
    await waitFor(
      () => stack.engine.udpPorts.counts().inUse === 8 + kept.length,
    )
  })

  await t.test('the death of the ingest worker ends all viewers', async t => {
    process.kill(own.pid, 'SIGKILL')
    await waitFor(() =>
      viewers.every(({ transport }) => transport.state === 'worker-died'),
    )
    t.same(restarts(), ['its worker died'])
  })
})

await t.test('a frozen worker degrades its stream', async t => {
  const { stack, stream, own, view } = await playing(t, 1, {
    limits: { workerPingIntervalMs: 100 },
  })
  const first = await view()
  await first.plays('video')
  process.kill(own.pid, 'SIGSTOP')
  t.teardown(() => {
    process.kill(own.pid, 'SIGCONT')
  })
  await waitFor(() => !own.responsive)
  t.match(stream.status, {
    degraded: true,
    degraded_reason: 'the media worker does not answer',
  })
  const limit = () => AbortSignal.timeout(200)
  await t.rejects(view({ signal: limit() }), { code: 'deadline' })
  await t.rejects(view({ types: FIREFOX, signal: limit() }), {
    code: 'deadline',
  })
  await t.rejects(first.transport.restartIce(limit()), { code: 'deadline' })

  process.kill(own.pid, 'SIGCONT')
  const { udpPorts } = stack.engine
  await waitFor(
    () => udpPorts.counts().inUse === 9,
    'the ports of late transports',
  )
  t.equal(udpPorts.counts().inUse, 9, 'late transports release their ports')
  await waitFor(() => !stream.status.degraded, 'the stream is not degraded')
  const next = await view({ types: FIREFOX })
  await Promise.all([first.plays('video'), next.plays('video')])
  first.close()
  next.close()
  await waitFor(() => udpPorts.counts().inUse === 8)
  await stream.stop()
  await waitFor(() => isEmpty(own))
  t.equal(udpPorts.counts().inUse, 0)
})

await t.test('twenty concurrent streams leak nothing', async t => {
  const stack = await startMediaStack({
    ports: 180,
    workers: 2,
    // Twenty encoders start slowly.
    legStartTimeoutMs: 60_000,
    legTimeoutMs: 20_000,
  })
  t.teardown(() => stack.close())
  const inputs = [
    ...['-re', '-f', 'lavfi', '-i', 'testsrc2=size=64x48:rate=5'],
    ...['-re', '-f', 'lavfi', '-i', 'sine=frequency=440'],
  ]
  const all = await Promise.all(
    Array.from({ length: 20 }, async (_, index) => {
      const stream = stack.streams.add(streamId(`s${index}`), managedConfig())
      const ffmpeg = await FfmpegRun.start(stream, inputs)
      t.teardown(() => ffmpeg.stop())
      return { stream, ffmpeg }
    }),
  )
  await Promise.all(all.map(({ stream }) => untilLive(stream)))
  t.equal(stack.engine.udpPorts.counts().inUse, 160)
  t.same(
    stack.engine.workers.map(({ load }) => load),
    [10, 10],
    'the workers have equal load',
  )
  const viewers = await Promise.all(
    all.slice(0, 4).map(({ stream }) => TestViewer.open(stream, CHROMIUM)),
  )
  await Promise.all(viewers.map(viewer => viewer.plays('audio')))

  await Promise.all(
    all.map(async ({ stream, ffmpeg }) => {
      await ffmpeg.stop()
      await stream.remove()
    }),
  )
  for (const viewer of viewers) viewer.close()
  t.same(stack.streams.all, [])
  await waitFor(() => stack.engine.udpPorts.counts().inUse === 0)
  for (const worker of stack.engine.workers) t.ok(await isEmpty(worker))
  t.same(
    stack.engine.workers.map(({ load }) => load),
    [0, 0],
  )
  t.equal(stack.reported.length, 0)
})
