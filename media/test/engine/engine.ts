import { createSocket, type Socket } from 'node:dgram'
import { once } from 'node:events'
import { chmodSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'

import {
  Engine,
  type AcquiredWorker,
  type EngineOptions,
} from '../../engine/engine.ts'
import { openLocalTransport } from '../../engine/local-transport.ts'
import { PortPool } from '../../engine/port-pool.ts'
import { findWorkerBinary } from '../../engine/worker-binary.ts'
import { MEDIA_LIMITS, type MediaLimits } from '../../limits.ts'
import { memoryLog } from '../../../shared/test/fixtures/memory-log.ts'
import { dumpWorker } from '../fixtures/worker-dump.ts'
import { waitFor } from '../../../shared/test/fixtures/wait-for.ts'
import { takePorts } from '../../../shared/test/fixtures/ports.ts'

const UDP_PORTS = await takePorts(10)
const OPUS = {
  kind: 'audio',
  mimeType: 'audio/opus',
  clockRate: 48_000,
  channels: 2,
} as const

t.setTimeout(120_000)

async function startEngine(
  t: Test,
  options: Partial<EngineOptions> = {},
  limits: Partial<MediaLimits> = {},
) {
  const { log, records: logged } = memoryLog()
  const engine = await Engine.start({
    workers: 1,
    binary: findWorkerBinary(process.env),
    udpPorts: UDP_PORTS,
    tcpPorts: undefined,
    limits: { ...MEDIA_LIMITS, ...limits },
    log,
    onPortsChange: () => undefined,
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

await t.test('Engine starts its workers, and close() ends them', async t => {
  const { engine } = await startEngine(t, { workers: 2 })
  const pids = engine.workers.map(({ pid }) => pid)
  t.equal(pids.filter(isRunning).length, 2)
  await engine.close()
  t.equal(pids.filter(isRunning).length, 0)
  await engine.close()
})

await t.test('a port that another program uses is not available', async t => {
  const socket = createSocket('udp4')
  t.teardown(() => {
    socket.close()
  })
  socket.bind({ port: UDP_PORTS.min, exclusive: true })
  await once(socket, 'listening')
  const { engine } = await startEngine(t)
  t.same(engine.udpPorts.counts(), { inUse: 0, available: 9 })
})

await t.test(
  'leastLoaded() returns the worker with the lowest load',
  async t => {
    const { engine } = await startEngine(t, { workers: 2 })
    const [one, two] = engine.workers
    const release = one?.acquire()
    t.equal(engine.leastLoaded(), two)
    two?.acquire()
    two?.acquire()
    t.equal(engine.leastLoaded(), one)
    release?.()
    release?.()
    t.equal(one?.load, 0, 'release is idempotent')
  },
)

await t.test('Engine replaces a worker that was killed', async t => {
  const { engine, logged } = await startEngine(t)
  const { pid } = engine.leastLoaded()
  process.kill(pid, 'SIGKILL')
  await waitFor(() => engine.workers.length === 0)
  t.throws(() => engine.leastLoaded(), { code: 'worker' })
  const { worker } = await engine.acquire(AbortSignal.timeout(10_000))
  t.not(worker.pid, pid)
  t.ok(
    logged.some(
      record =>
        record['message'] === 'worker died, starting another' &&
        record['pid'] === pid,
    ),
  )
})

await t.test(
  'Engine waits longer before each replacement of a crashing worker',
  async t => {
    const { engine, logged } = await startEngine(t)
    const startedAt = performance.now()
    for (let deaths = 0; deaths < 3; deaths++) {
      const { worker } = await engine.acquire(AbortSignal.timeout(10_000))
      process.kill(worker.pid, 'SIGKILL')
      await waitFor(() => engine.workers.length === 0)
    }
    await engine.acquire(AbortSignal.timeout(10_000))
    t.ok(performance.now() - startedAt >= 100 + 200 + 400, 'the delays double')
    t.equal(
      logged.filter(({ message }) => message === 'worker started').length,
      4,
    )
  },
)

await t.test(
  'acquire() in a workerclose listener waits for the next worker',
  async t => {
    const { engine } = await startEngine(t)
    const worker = engine.leastLoaded()
    const router = await worker.createRouter(
      [OPUS],
      AbortSignal.timeout(10_000),
    )
    const acquired = new Promise<AcquiredWorker>((resolve, reject) => {
      router.once('workerclose', () => {
        // As an external stream does, which restarts at once.
        engine.acquire(AbortSignal.timeout(10_000)).then(resolve, reject)
      })
    })
    process.kill(worker.pid, 'SIGKILL')
    t.not((await acquired).worker.pid, worker.pid)
  },
)

await t.test(
  'acquire() rejects when the engine closes or its signal is aborted',
  async t => {
    const { engine } = await startEngine(t)
    process.kill(engine.leastLoaded().pid, 'SIGKILL')
    await waitFor(() => engine.workers.length === 0)
    const waiting = engine.acquire(AbortSignal.timeout(10_000))
    const late = t.rejects(engine.acquire(AbortSignal.abort()), {
      code: 'deadline',
    })
    await engine.close()
    await t.rejects(waiting, { code: 'deadline' })
    await late
  },
)

await t.test('a frozen worker is avoided and leaks nothing', async t => {
  const { engine } = await startEngine(
    t,
    { workers: 2 },
    { workerPingIntervalMs: 50 },
  )
  const [frozen, other] = engine.workers
  if (frozen === undefined || other === undefined) throw new Error('No workers')
  process.kill(frozen.pid, 'SIGSTOP')
  t.teardown(() => {
    if (isRunning(frozen.pid)) process.kill(frozen.pid, 'SIGCONT')
  })
  other.acquire()
  // On a busy machine the other one may be late with an answer too.
  await waitFor(() => !frozen.responsive && other.responsive)
  t.equal(engine.leastLoaded(), other, 'the frozen worker is avoided')
  process.kill(other.pid, 'SIGSTOP')
  await waitFor(() => !other.responsive)
  t.equal(
    engine.leastLoaded(),
    frozen,
    'if all are frozen, the least loaded is used',
  )
  process.kill(other.pid, 'SIGCONT')
  await waitFor(() => other.responsive)

  const limit = AbortSignal.timeout(50)
  await t.rejects(frozen.createRouter([OPUS], limit), { code: 'deadline' })
  const router = await other.createRouter([OPUS], AbortSignal.timeout(10_000))
  t.equal(router.closed, false, 'the other worker is not blocked')

  process.kill(frozen.pid, 'SIGCONT')
  await waitFor(() => frozen.responsive)
  await frozen.settled()
  t.same((await dumpWorker(frozen)).routerIds, [], 'the late router is closed')
})

await t.test(
  'Engine kills and replaces a worker that stays frozen',
  async t => {
    const { engine, logged } = await startEngine(
      t,
      {},
      { workerPingIntervalMs: 20, workerUnresponsiveTimeoutMs: 200 },
    )
    const { pid } = engine.leastLoaded()
    process.kill(pid, 'SIGSTOP')
    await waitFor(() => !isRunning(pid))
    const { worker } = await engine.acquire(AbortSignal.timeout(10_000))
    t.not(worker.pid, pid)
    t.same(
      logged
        .map(({ message }) => message)
        .filter(message => message !== 'mediasoup reports an error'),
      [
        'worker started',
        'worker does not respond, killing it',
        'worker died, starting another',
        'worker started',
      ],
    )
  },
)

await t.test(
  'ports that a frozen worker may still bind stay in use',
  async t => {
    const { engine } = await startEngine(t)
    const worker = engine.leastLoaded()
    const router = await worker.createRouter(
      [OPUS],
      AbortSignal.timeout(10_000),
    )
    process.kill(worker.pid, 'SIGSTOP')
    const opening = worker.bindWithPorts({
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
    t.equal(engine.udpPorts.counts().inUse, 2, 'both ports stay in use')
    process.kill(worker.pid, 'SIGCONT')
    await waitFor(() => engine.udpPorts.counts().inUse === 0)
    t.same(
      (await router.dump()).transportIds,
      [],
      'the late transport is closed',
    )
  },
)

await t.test(
  'bindWithPorts() skips a port that another program uses since the scan',
  async t => {
    const { engine } = await startEngine(t)
    const worker = engine.leastLoaded()
    const router = await worker.createRouter(
      [OPUS],
      AbortSignal.timeout(10_000),
    )
    const socket = createSocket('udp4')
    t.teardown(() => {
      socket.close()
    })
    socket.bind({ port: UDP_PORTS.min + 1, exclusive: true })
    await once(socket, 'listening')
    const bound = await worker.bindWithPorts({
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
  },
)

await t.test(
  'start() rejects with the reason if a worker does not start',
  async t => {
    const folder = t.testdir({
      silent: '#!/bin/sh\nexec sleep 60\n',
      failing: '#!/bin/sh\nexit 3\n',
    })
    for (const name of ['silent', 'failing'])
      chmodSync(join(folder, name), 0o755)
    const start = (name: string, limits?: Partial<MediaLimits>) =>
      startEngine(t, { binary: join(folder, name) }, limits)

    await t.rejects(start('silent', { workerStartTimeoutMs: 200 }), {
      code: 'worker',
      message: /did not respond within 200 ms; is it the right version\?$/,
    })
    await t.rejects(start('failing'), { code: 'worker', message: /code:3/ })
    await t.rejects(start('none'), { code: 'worker', message: /ENOENT/ })
  },
)

/** An RTP packet of Opus with this sequence number. */
function rtpPacket(sequence: number): Buffer {
  const packet = Buffer.alloc(40)
  packet.set([0x80, 111])
  packet.writeUInt16BE(sequence, 2)
  packet.writeUInt32BE(sequence * 960, 4)
  packet.writeUInt32BE(7_777, 8)
  return packet
}

await t.test('a local transport receives until its worker dies', async t => {
  const { engine } = await startEngine(t)
  const [worker] = engine.workers
  if (worker === undefined) throw new Error('There is no worker')
  const signal = AbortSignal.timeout(30_000)
  const router = await worker.createRouter([OPUS], signal)
  const { udpPorts } = engine
  const before = udpPorts.counts()
  const socket = await boundSocket(t)
  const from = socket.address().port
  const action = 'open a leg'
  const open = () =>
    openLocalTransport({ router, udpPorts, from, action, signal })

  const [transport, other] = await Promise.all([open(), open()])
  t.same(udpPorts.counts(), before, 'no port of the pool is used')
  const producer = await transport.produce({
    kind: 'audio',
    rtpParameters: {
      codecs: [
        {
          mimeType: 'audio/opus',
          payloadType: 111,
          clockRate: 48_000,
          channels: 2,
        },
      ],
      encodings: [{ ssrc: 7_777 }],
    },
  })
  const stranger = await boundSocket(t)
  const { localPort } = transport.tuple
  stranger.send(rtpPacket(51), localPort, '127.0.0.1')
  for (let sequence = 1; sequence <= 50; sequence++) {
    socket.send(rtpPacket(sequence), localPort, '127.0.0.1')
  }
  await waitFor(
    async () => (await producer.getStats())[0]?.packetCount === 50,
    'all packets of the sender, and no other, in the worker',
  )
  other.close()

  process.kill(worker.pid, 'SIGKILL')
  await waitFor(() => transport.closed, 'the end of the transport')
  await t.rejects(open(), { name: 'EngineError' }, 'nothing opens any more')
})

await t.test(
  'a local transport takes a port of a pool that has them all',
  async t => {
    const { engine } = await startEngine(t)
    const [worker] = engine.workers
    if (worker === undefined) throw new Error('There is no worker')
    const signal = AbortSignal.timeout(30_000)
    const router = await worker.createRouter([OPUS], signal)
    const udpPorts = new PortPool({
      protocol: 'udp',
      min: 1,
      max: 65_535,
      probe: () => Promise.resolve(true),
      quarantineMs: 1,
    })
    const transport = await openLocalTransport({
      router,
      udpPorts,
      from: (await boundSocket(t)).address().port,
      action: 'open a leg',
      signal,
    })
    t.ok(udpPorts.contains(transport.tuple.localPort))
  },
)

/** Binds a UDP socket of loopback for the length of the test. */
async function boundSocket(t: Test): Promise<Socket> {
  const socket = createSocket('udp4')
  t.teardown(() => {
    socket.close()
  })
  socket.bind(0, '127.0.0.1')
  await once(socket, 'listening')
  return socket
}
