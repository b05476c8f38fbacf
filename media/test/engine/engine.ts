import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { chmodSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'

import {
  Engine,
  type EngineOptions,
  type WorkerPlace,
} from '../../engine/engine.ts'
import { findWorkerBinary } from '../../engine/worker-binary.ts'
import { memoryLog } from '../fixtures/media-stack.ts'
import { waitFor } from '../../../shared/test/fixtures/wait-for.ts'

const UDP_PORTS = { min: 22_400, max: 22_409 }
const OPUS = {
  kind: 'audio',
  mimeType: 'audio/opus',
  clockRate: 48_000,
  channels: 2,
} as const

t.setTimeout(120_000)

async function startEngine(t: Test, options: Partial<EngineOptions> = {}) {
  const { log, logged } = memoryLog()
  const engine = await Engine.start({
    workers: 1,
    binary: findWorkerBinary(process.env),
    udpPorts: UDP_PORTS,
    tcpPorts: undefined,
    log,
    ...options,
  })
  t.teardown(() => engine.close())
  return { engine, logged }
}

function isRunning(pid: number): boolean {
  try {
    return process.kill(pid, 0)
  } catch {
    return false
  }
}

await t.test('Engine starts workers and ends them', async t => {
  const { engine } = await startEngine(t, { workers: 2 })
  const pids = engine.workers.map(({ pid }) => pid)
  t.equal(pids.filter(isRunning).length, 2)
  await engine.close()
  t.equal(pids.filter(isRunning).length, 0)
  await engine.close()
})

await t.test('Engine counts a port that another program holds', async t => {
  const socket = createSocket('udp4')
  t.teardown(() => {
    socket.close()
  })
  socket.bind({ port: UDP_PORTS.min, exclusive: true })
  await once(socket, 'listening')
  const { engine } = await startEngine(t)
  t.same(engine.udpPorts.counts(), { inUse: 0, available: 9 })
})

await t.test('leastLoaded spreads by load', async t => {
  const { engine } = await startEngine(t, { workers: 2 })
  const [one, two] = engine.workers
  const leave = one?.occupy()
  t.equal(engine.leastLoaded(), two)
  two?.occupy()
  two?.occupy()
  t.equal(engine.leastLoaded(), one)
  leave?.()
  leave?.()
  t.equal(one?.load, 0, 'leaving twice is leaving once')
})

await t.test('a worker that was killed is replaced', async t => {
  const { engine, logged } = await startEngine(t)
  const { pid } = engine.leastLoaded()
  process.kill(pid, 'SIGKILL')
  await waitFor(() => engine.workers.length === 0)
  t.throws(() => engine.leastLoaded(), { code: 'worker' })
  const { worker } = await engine.join(AbortSignal.timeout(10_000))
  t.not(worker.pid, pid)
  t.ok(
    logged.some(
      record =>
        record['message'] === 'worker died, starting another' &&
        record['pid'] === pid,
    ),
  )
})

await t.test('a worker that dies at once is not started in a loop', async t => {
  const { engine, logged } = await startEngine(t)
  const startedAt = performance.now()
  for (let deaths = 0; deaths < 3; deaths++) {
    const { worker } = await engine.join(AbortSignal.timeout(10_000))
    process.kill(worker.pid, 'SIGKILL')
    await waitFor(() => engine.workers.length === 0)
  }
  await engine.join(AbortSignal.timeout(10_000))
  t.ok(
    performance.now() - startedAt >= 100 + 200 + 400,
    'each replacement waits longer',
  )
  t.equal(
    logged.filter(({ message }) => message === 'worker started').length,
    4,
  )
})

await t.test('who hears of the death first waits for another', async t => {
  const { engine } = await startEngine(t)
  const worker = engine.leastLoaded()
  const router = await worker.createRouter([OPUS], AbortSignal.timeout(10_000))
  const joined = new Promise<WorkerPlace>((resolve, reject) => {
    router.once('workerclose', () => {
      // As an external stream does: its restart needs no time.
      engine.join(AbortSignal.timeout(10_000)).then(resolve, reject)
    })
  })
  process.kill(worker.pid, 'SIGKILL')
  t.not((await joined).worker.pid, worker.pid)
})

await t.test('what waits for a worker hears of the end', async t => {
  const { engine } = await startEngine(t)
  process.kill(engine.leastLoaded().pid, 'SIGKILL')
  await waitFor(() => engine.workers.length === 0)
  const waiting = engine.join(AbortSignal.timeout(10_000))
  const late = t.rejects(engine.join(AbortSignal.abort()), {
    code: 'deadline',
  })
  await engine.close()
  await t.rejects(waiting, { code: 'deadline' })
  await late
})

await t.test('a frozen worker', async t => {
  const { engine } = await startEngine(t, { workers: 2, askEveryMs: 50 })
  const [frozen, other] = engine.workers
  if (frozen === undefined || other === undefined) throw new Error('No workers')
  process.kill(frozen.pid, 'SIGSTOP')
  t.teardown(() => {
    if (isRunning(frozen.pid)) process.kill(frozen.pid, 'SIGCONT')
  })
  other.occupy()
  await waitFor(() => !frozen.answers)
  t.equal(engine.leastLoaded(), other, 'is avoided')
  process.kill(other.pid, 'SIGSTOP')
  await waitFor(() => !other.answers)
  t.equal(engine.leastLoaded(), frozen, 'unless all are frozen')
  process.kill(other.pid, 'SIGCONT')
  await waitFor(() => other.answers)

  const limit = AbortSignal.timeout(50)
  await t.rejects(frozen.createRouter([OPUS], limit), { code: 'deadline' })
  const router = await other.createRouter([OPUS], AbortSignal.timeout(10_000))
  t.equal(router.closed, false, 'does not block others')

  process.kill(frozen.pid, 'SIGCONT')
  await waitFor(() => frozen.answers)
  await frozen.settled()
  t.same((await frozen.dump()).routerIds, [], 'leaks nothing when it goes on')
})

await t.test('a worker frozen for too long is killed and replaced', async t => {
  const { engine, logged } = await startEngine(t, {
    askEveryMs: 20,
    frozenAfterMs: 200,
  })
  const { pid } = engine.leastLoaded()
  process.kill(pid, 'SIGSTOP')
  await waitFor(() => !isRunning(pid))
  const { worker } = await engine.join(AbortSignal.timeout(10_000))
  t.not(worker.pid, pid)
  t.same(
    logged
      .map(({ message }) => message)
      .filter(message => message !== 'mediasoup reports an error'),
    [
      'worker started',
      'worker does not answer, killing it',
      'worker died, starting another',
      'worker started',
    ],
  )
})

await t.test('ports of what a frozen worker may still bind', async t => {
  const { engine } = await startEngine(t)
  const worker = engine.leastLoaded()
  const router = await worker.createRouter([OPUS], AbortSignal.timeout(10_000))
  process.kill(worker.pid, 'SIGSTOP')
  const opening = worker.bind({
    action: 'open a transport',
    demands: [{ pool: engine.udpPorts, count: 2 }],
    make: ([rtp = 0, rtcp = 0]) =>
      router.createPlainTransport({
        listenInfo: { protocol: 'udp', ip: '127.0.0.1', port: rtp },
        rtcpListenInfo: { protocol: 'udp', ip: '127.0.0.1', port: rtcp },
        rtcpMux: false,
      }),
    signal: AbortSignal.timeout(50),
  })
  await t.rejects(opening, { code: 'deadline' })
  t.equal(engine.udpPorts.counts().inUse, 2, 'stay taken')
  process.kill(worker.pid, 'SIGCONT')
  await waitFor(() => engine.udpPorts.counts().inUse === 0)
  t.same((await router.dump()).transportIds, [], 'until it let go of them')
})

await t.test('a port that was taken since is skipped', async t => {
  const { engine } = await startEngine(t)
  const worker = engine.leastLoaded()
  const router = await worker.createRouter([OPUS], AbortSignal.timeout(10_000))
  const socket = createSocket('udp4')
  t.teardown(() => {
    socket.close()
  })
  socket.bind({ port: UDP_PORTS.min + 1, exclusive: true })
  await once(socket, 'listening')
  const bound = await worker.bind({
    action: 'open a transport',
    demands: [{ pool: engine.udpPorts, count: 2 }],
    make: ([rtp = 0, rtcp = 0]) =>
      router.createPlainTransport({
        listenInfo: { protocol: 'udp', ip: '127.0.0.1', port: rtp },
        rtcpListenInfo: { protocol: 'udp', ip: '127.0.0.1', port: rtcp },
        rtcpMux: false,
      }),
    signal: AbortSignal.timeout(10_000),
  })
  t.same(engine.udpPorts.counts(), { inUse: 2, available: 7 })
  bound.close()
  bound.close()
  await waitFor(() => engine.udpPorts.counts().inUse === 0)
  t.same(engine.udpPorts.counts(), { inUse: 0, available: 9 })
})

await t.test('a worker that cannot be started', async t => {
  const folder = t.testdir({
    silent: '#!/bin/sh\nexec sleep 60\n',
    failing: '#!/bin/sh\nexit 3\n',
  })
  for (const name of ['silent', 'failing']) chmodSync(join(folder, name), 0o755)
  const start = (name: string) =>
    startEngine(t, { binary: join(folder, name), startTimeLimitMs: 200 })

  await t.rejects(start('silent'), {
    code: 'worker',
    message: /did not answer within 200 ms; is it of this version\?$/,
  })
  await t.rejects(start('failing'), { code: 'worker', message: /code:3/ })
  await t.rejects(start('none'), { code: 'worker', message: /ENOENT/ })
})
