import { setImmediate } from 'node:timers/promises'
import t, { type Test } from 'tap'

import { StreamError, type ViewerTransport } from '../../whep/stream-port.ts'
import { FfmpegRun } from '../fixtures/ffmpeg.ts'
import {
  managedConfig,
  startMediaStack,
  streamId,
  untilLive,
} from '../fixtures/media-stack.ts'
import { waitFor } from '../../../shared/test/fixtures/wait-for.ts'
import { wantedMedia } from '../fixtures/viewer.ts'
import { dumpWorker } from '../fixtures/worker-dump.ts'

const LAYOUTS = [
  { video: 108, rtx: 109, audio: 111 },
  { video: 126, rtx: 127, audio: 109 },
  { video: 102, audio: 96 },
  { audio: 120 },
]
const FINGERPRINT = {
  algorithm: 'sha-256',
  value: Array.from({ length: 32 }, () => 'AB').join(':'),
} as const
const VIEWERS = 60

t.setTimeout(120_000)

const stack = await startMediaStack({
  ports: 70,
  workers: 2,
  feedIdleMs: 50,
})
t.teardown(() => stack.close())
const { udpPorts } = stack.engine
const stream = stack.streams.add(streamId('cam'), managedConfig())

async function run() {
  const ffmpeg = await FfmpegRun.start(stream)
  t.teardown(() => ffmpeg.stop())
  await untilLive(stream)
  return ffmpeg
}

let ffmpeg = await run()

/** Opens viewers at once; some give up after `limitMs`. */
function openMany(limitMs: (index: number) => number) {
  return Promise.allSettled(
    Array.from({ length: VIEWERS }, (_, index) =>
      stream.openViewer(
        {
          media: wantedMedia(LAYOUTS[index % LAYOUTS.length] ?? {}),
          dtlsParameters: { role: 'client', fingerprints: [FINGERPRINT] },
        },
        AbortSignal.timeout(limitMs(index)),
      ),
    ),
  )
}

type Opened = PromiseSettledResult<ViewerTransport>

function transportsOf(opened: readonly Opened[]): ViewerTransport[] {
  return opened.flatMap(result =>
    result.status === 'fulfilled' ? [result.value] : [],
  )
}

function codesOf(opened: readonly Opened[]): Set<string> {
  const codes = opened.flatMap(result => {
    if (result.status === 'fulfilled') return []
    const reason: unknown = result.reason
    return [reason instanceof StreamError ? reason.code : String(reason)]
  })
  return new Set(codes)
}

async function nothingIsLeft(): Promise<boolean> {
  if (udpPorts.counts().inUse !== 8) return false
  const routers = await Promise.all(
    stack.engine.workers.map(async worker => {
      await worker.settled()
      return (await dumpWorker(worker)).routerIds.length
    }),
  )
  return routers.reduce((a, b) => a + b) === 1
}

await t.test('many viewers at once, more than there are ports', async t => {
  const opened = await openMany(() => 60_000)
  const transports = transportsOf(opened)
  t.ok(transports.length > 40, `${transports.length} have come in`)
  t.same(codesOf(opened), new Set(['ports']))
  t.ok(udpPorts.counts().available < 3)
  for (const transport of transports) transport.close()
  await waitFor(nothingIsLeft)
})

await t.test('viewers that give up at any moment', async t => {
  const opened = await openMany(index => index)
  for (const transport of transportsOf(opened)) transport.close()
  t.ok([...codesOf(opened)].every(code => /deadline|ports/.test(code)))
  await waitFor(nothingIsLeft)
})

await t.test('the stream is stopped while viewers come', async t => {
  const opening = openMany(() => 60_000)
  await stream.stop()
  const opened = await opening
  t.ok(
    transportsOf(opened).every(({ state }) => state === 'stream-ended'),
    'who got in is out again',
  )
  t.ok([...codesOf(opened)].every(code => /not-live|ports/.test(code)))
  for (const transport of transportsOf(opened)) transport.close()
  await waitFor(() => udpPorts.counts().inUse === 0)
  await ffmpeg.stop()
})

await t.test('the worker dies while viewers come', async t => {
  ffmpeg = await run()
  const opening = openMany(() => 60_000)
  for (const { pid } of stack.engine.workers) process.kill(pid, 'SIGKILL')
  const opened = await opening
  await waitFor(() =>
    transportsOf(opened).every(({ state }) => state === 'worker-died'),
  )
  for (const transport of transportsOf(opened)) transport.close()
  await ffmpeg.stop()
  ffmpeg = await run()
  await waitFor(nothingIsLeft)
  t.equal(stack.engine.workers.length > 0, true)
})

await t.test('starts and stops that cross', async t => {
  await ffmpeg.stop()
  await stream.stop()
  const prepared = await Promise.allSettled([
    stream.prepareRun(),
    stream.stop(),
    stream.prepareRun(),
    stream.stop(),
  ])
  t.equal(prepared[1].status, 'fulfilled')
  await stream.stop()
  await waitFor(() => udpPorts.counts().inUse === 0)
  await stream.remove()
  await t.rejects(stream.prepareRun(), { code: 'not-live' })
  t.equal(stack.streams.find('cam'), undefined)
})

/** A moment of a start, milliseconds after it began, up to its end. */
function momentsMs(count: number): readonly number[] {
  return Array.from({ length: count }, (_, index) => (index * 10) / count)
}

async function atMoment(ms: number): Promise<void> {
  const until = performance.now() + ms
  // A timer would be too coarse.
  while (performance.now() < until) await setImmediate()
}

async function startStack(t: Test) {
  const stack = await startMediaStack({
    ports: 20,
    // The engine must not kill the frozen worker.
    limits: { workerUnresponsiveTimeoutMs: 600_000 },
  })
  t.teardown(() => stack.close())
  const start = (id: string) => {
    const stream = stack.streams.add(streamId(id), managedConfig())
    const prepared = stream.prepareRun().catch((error: unknown) => error)
    return { stream, prepared }
  }
  return { stack, start }
}

await t.test('the worker freezes at any moment of a start', async t => {
  const { stack, start } = await startStack(t)
  const { pid } = stack.engine.leastLoaded()
  t.teardown(() => {
    process.kill(pid, 'SIGCONT')
  })
  for (const ms of momentsMs(150)) {
    const { stream, prepared } = start(`froze-after-${ms}`)
    await atMoment(ms)
    process.kill(pid, 'SIGSTOP')
    await stream.stop()
    await prepared
    process.kill(pid, 'SIGCONT')
    await stream.remove()
  }
  t.pass('no stop waits for it')
  await waitFor(() => stack.engine.udpPorts.counts().inUse === 0)
  t.equal(stack.engine.leastLoaded().load, 0)
})

await t.test('the worker dies at any moment of a start', async t => {
  const { stack, start } = await startStack(t)
  for (const ms of momentsMs(5)) {
    const [worker] = stack.engine.workers
    const { stream, prepared } = start(`died-after-${ms}`)
    await atMoment(ms)
    if (worker) process.kill(worker.pid, 'SIGKILL')
    const run = await prepared
    t.ok(
      !(run instanceof Error) || stack.restartsNeeded.includes(stream.id),
      'it starts in the next one, or is to be started again',
    )
    await waitFor(() =>
      stack.engine.workers.some(({ pid }) => pid !== worker?.pid),
    )
    await stream.remove()
  }
  t.equal(stack.reported.length, 0, 'is no failure of a leg')
  await waitFor(() => stack.engine.udpPorts.counts().inUse === 0)
})
