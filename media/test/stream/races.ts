import { setImmediate } from 'node:timers/promises'
import t, { type Test } from 'tap'

import { StreamError, type ViewerTransport } from '../../whep/stream-port.ts'
import { parseWebrtcConfig } from '../../ingest/webrtc-config.ts'
import { startExternal } from '../fixtures/external-start.ts'
import { FfmpegRun, UNSUPERVISED } from '../fixtures/ffmpeg.ts'
import {
  managedConfig,
  startMediaStack,
  streamId,
  untilLive,
} from '../fixtures/media-stack.ts'
import { takePorts } from '../../../shared/test/fixtures/ports.ts'
import { waitFor } from '../../../shared/test/fixtures/wait-for.ts'
import { wantedMedia } from '../fixtures/viewer.ts'
import { dumpWorker } from '../fixtures/worker-dump.ts'

const PAYLOAD_TYPES = [
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
  limits: { egressIdleMs: 50 },
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

/** Opens viewers concurrently; each gives up after `timeoutMs`. */
function openMany(timeoutMs: (index: number) => number) {
  return Promise.allSettled(
    Array.from({ length: VIEWERS }, (_, index) =>
      stream.openViewer(
        {
          media: wantedMedia(PAYLOAD_TYPES[index % PAYLOAD_TYPES.length] ?? {}),
          dtlsParameters: { role: 'client', fingerprints: [FINGERPRINT] },
        },
        AbortSignal.timeout(timeoutMs(index)),
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

await t.test(
  'concurrent viewers are rejected when no port is left',
  async t => {
    const opened = await openMany(() => 60_000)
    const transports = transportsOf(opened)
    t.ok(transports.length > 40, `${transports.length} viewers were opened`)
    t.same(codesOf(opened), new Set(['ports']))
    t.ok(udpPorts.counts().available < 3)
    for (const transport of transports) transport.close()
    await waitFor(nothingIsLeft)
  },
)

await t.test('viewers that give up at any moment leak nothing', async t => {
  const opened = await openMany(index => index)
  for (const transport of transportsOf(opened)) transport.close()
  t.ok([...codesOf(opened)].every(code => /deadline|ports/.test(code)))
  await waitFor(nothingIsLeft)
})

await t.test('stop() ends viewers during their setup', async t => {
  const opening = openMany(() => 60_000)
  await stream.stop()
  const opened = await opening
  t.ok(
    transportsOf(opened).every(({ state }) => state === 'stream-ended'),
    'opened viewers are ended',
  )
  t.ok([...codesOf(opened)].every(code => /not-live|ports/.test(code)))
  for (const transport of transportsOf(opened)) transport.close()
  await waitFor(() => udpPorts.counts().inUse === 0)
  await ffmpeg.stop()
})

await t.test('a worker death ends viewers during their setup', async t => {
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

await t.test('overlapping starts and stops leak no port', async t => {
  await ffmpeg.stop()
  await stream.stop()
  const prepared = await Promise.allSettled([
    stream.prepareRun(UNSUPERVISED),
    stream.stop(),
    stream.prepareRun(UNSUPERVISED),
    stream.stop(),
  ])
  t.equal(prepared[1].status, 'fulfilled')
  await stream.stop()
  await waitFor(() => udpPorts.counts().inUse === 0)
  await stream.remove()
  await t.rejects(stream.prepareRun(UNSUPERVISED), { code: 'not-live' })
  t.equal(stack.streams.find('cam'), undefined)
})

/** Delays after the beginning of a start, milliseconds. */
function momentsMs(count: number): readonly number[] {
  return Array.from({ length: count }, (_, index) => (index * 10) / count)
}

async function atMoment(ms: number): Promise<void> {
  const until = performance.now() + ms
  // Timers are too coarse.
  while (performance.now() < until) await setImmediate()
}

async function startStack(t: Test) {
  const stack = await startMediaStack({
    ports: 20,
    // Keeps the engine from killing the frozen worker.
    limits: { workerUnresponsiveTimeoutMs: 600_000 },
  })
  t.teardown(() => stack.close())
  const start = (id: string) => {
    const stream = stack.streams.add(streamId(id), managedConfig())
    const restarts: string[] = []
    const prepared = stream
      .prepareRun({
        ...UNSUPERVISED,
        restart: reason => restarts.push(reason),
      })
      .catch((error: unknown) => error)
    return { stream, prepared, restarts }
  }
  return { stack, start }
}

await t.test('stop() does not wait for a frozen worker', async t => {
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
    t.equal(stream.status.state, 'stopped')
    process.kill(pid, 'SIGCONT')
    await stream.remove()
  }
  await waitFor(() => stack.engine.udpPorts.counts().inUse === 0)
  t.equal(stack.engine.leastLoaded().load, 0)
})

await t.test('a start survives the death of its worker', async t => {
  const { stack, start } = await startStack(t)
  for (const ms of momentsMs(5)) {
    const [worker] = stack.engine.workers
    const { stream, prepared, restarts } = start(`died-after-${ms}`)
    await atMoment(ms)
    if (worker) process.kill(worker.pid, 'SIGKILL')
    const run = await prepared
    t.ok(
      !(run instanceof Error) || restarts.length === 1,
      'the stream opens in a new worker or requests one restart',
    )
    await waitFor(() =>
      stack.engine.workers.some(({ pid }) => pid !== worker?.pid),
    )
    await stream.remove()
  }
  t.equal(stack.reported.length, 0, 'no leg failure is counted')
  await waitFor(() => stack.engine.udpPorts.counts().inUse === 0)
})

await t.test('an external start survives the death of its worker', async t => {
  const { stack } = await startStack(t)
  const { min: port } = await takePorts(2)
  const config = parseWebrtcConfig({
    enabled: true,
    ingest: 'external',
    audio: { codec: 'opus', port, payload_type: 111 },
  })
  if (!config.enabled) throw new TypeError('Expected an enabled stream')
  for (const ms of momentsMs(5)) {
    const [worker] = stack.engine.workers
    const stream = stack.streams.add(streamId('studio'), config)
    const started = startExternal(stream)
    await atMoment(ms)
    if (worker) process.kill(worker.pid, 'SIGKILL')
    await waitFor(() =>
      stack.engine.workers.some(({ pid }) => pid !== worker?.pid),
    )
    const states = await started
    await waitFor(() => stream.running)
    t.equal(states.at(-1), 'running', 'the stream runs in a new worker')
    await stream.remove()
  }
  t.equal(stack.reported.length, 0, 'no leg failure is counted')
  await waitFor(() => stack.engine.udpPorts.counts().inUse === 0)
})
