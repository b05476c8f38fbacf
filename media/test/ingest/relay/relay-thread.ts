import { createSocket, type Socket } from 'node:dgram'
import { once } from 'node:events'
import { Session } from 'node:inspector'
import t, { type Test } from 'tap'

import { findPortOutside } from '../../../engine/local-transport.ts'
import { probeUdpPort } from '../../../engine/port-probe.ts'
import { PortPool } from '../../../engine/port-pool.ts'
import { LegRelay } from '../../../ingest/legs/leg-relay.ts'
import { RelayCounters } from '../../../ingest/relay/relay-counters.ts'
import { RelayThread } from '../../../ingest/relay/relay-thread.ts'
import { MEDIA_LIMITS, type MediaLimits } from '../../../limits.ts'
import { memoryLog } from '../../../../shared/test/fixtures/memory-log.ts'
import { takePorts } from '../../../../shared/test/fixtures/ports.ts'
import { waitFor } from '../../../../shared/test/fixtures/wait-for.ts'
import { startRtpLoop } from '../fixtures/start-rtp-loop.ts'

const PLAN = {
  kind: 'audio',
  codec: 'opus',
  payloadType: 111,
  ssrc: 1_111,
} as const
const RANGE = await takePorts(8)
/** More than can arrive in the moment before a relay on this thread stops. */
const PACKETS = 20
const BLOCK_TIMEOUT_MS = 20_000
/** More than libuv reads from a socket in one go. */
const BURST = 100

function startThread(t: Test, limits: Partial<MediaLimits> = {}) {
  const { log, records } = memoryLog()
  const thread = new RelayThread({ ...MEDIA_LIMITS, ...limits }, log)
  t.teardown(() => thread.close())
  const udpPorts = new PortPool({
    protocol: 'udp',
    ...RANGE,
    probe: probeUdpPort,
    quarantineMs: 60_000,
  })
  t.teardown(() => {
    udpPorts.close()
  })
  const open = ({ inspect }: { inspect: boolean } = { inspect: true }) =>
    LegRelay.open({
      thread,
      plan: PLAN,
      listen: '127.0.0.1',
      lease: () => udpPorts.lease(),
      udpPorts,
      inspect,
    })
  return { thread, udpPorts, records, open }
}

/** Opens a socket, closed after the test. */
function openSocket(t: Test): Socket {
  const socket = createSocket('udp4')
  t.teardown(() => {
    socket.close()
  })
  return socket
}

/** A socket in place of the media worker, and the packets it received. */
async function openTarget(t: Test) {
  const packets: { sequence: number; timestamp: number }[] = []
  const socket = openSocket(t)
  socket.on('message', packet => {
    packets.push({
      sequence: packet.readUInt16BE(2),
      timestamp: packet.readUInt32BE(4),
    })
  })
  socket.bind(0, '127.0.0.1')
  await once(socket, 'listening')
  return { port: socket.address().port, packets }
}

/** Opens a relay that forwards to a target. */
async function openForwarding(t: Test, options?: { inspect: boolean }) {
  const { open } = startThread(t)
  const relay = await open(options)
  const target = await openTarget(t)
  await relay.forward({ to: target.port, senderPort: undefined })
  return { relay, target }
}

function opusPacket(sequence: number, payloadType: number = PLAN.payloadType) {
  const packet = Buffer.alloc(40)
  packet.set([0x80, payloadType])
  packet.writeUInt16BE(sequence % 2 ** 16, 2)
  packet.writeUInt32BE(sequence * 960, 4)
  return packet
}

/** Sends an Opus packet of 20 ms every 20 ms. */
function startSending(
  t: Test,
  port: number,
  payloadType: number = PLAN.payloadType,
) {
  const socket = openSocket(t)
  let sequence = 100
  const timer = setInterval(() => {
    socket.send(opusPacket(++sequence, payloadType), port, '127.0.0.1')
  }, 20)
  t.teardown(() => {
    clearInterval(timer)
  })
}

/** Ends the thread by an exception in it: its counters have no valid size. */
function crash(thread: RelayThread): Promise<unknown> {
  const spec = {
    plan: PLAN,
    listen: '127.0.0.1',
    ports: { rtp: 0, rtcp: 0, out: 0 },
    inspect: false,
    counters: new SharedArrayBuffer(4),
  }
  return thread.request(thread.newRelay(), { type: 'open', spec })
}

/** Makes the relay thread execute an endless loop, by the debugger. */
function hang(t: Test): void {
  const debug = new Session()
  debug.connect()
  t.teardown(() => {
    debug.disconnect()
  })
  debug.on('NodeWorker.attachedToWorker', ({ params }) => {
    const message = JSON.stringify({
      id: 1,
      method: 'Runtime.evaluate',
      params: { expression: 'for (;;) {}' },
    })
    const { sessionId } = params
    debug.post('NodeWorker.sendMessageToWorker', { sessionId, message })
    // The thread that replaces it is left alone.
    debug.removeAllListeners('NodeWorker.attachedToWorker')
  })
  debug.post('NodeWorker.enable', { waitForDebuggerOnStart: false })
}

await t.test('packets pass while the main thread is blocked', async t => {
  const { open } = startThread(t)
  const relay = await open()
  const receiveOn = await findPortOutside(
    new PortPool({
      protocol: 'udp',
      ...RANGE,
      probe: probeUdpPort,
      quarantineMs: 1,
    }),
  )
  const returned = new SharedArrayBuffer(4)
  const count = new Int32Array(returned)
  await relay.forward({ to: receiveOn, senderPort: undefined })
  const loop = startRtpLoop({ sendTo: relay.ports.rtp, receiveOn, returned })
  t.teardown(() => loop.terminate())
  await waitFor(() => Atomics.load(count, 0) > 0, 'the first packet')

  const before = Atomics.load(count, 0)
  const deadline = performance.now() + BLOCK_TIMEOUT_MS
  for (;;) {
    const now = Atomics.load(count, 0)
    const leftMs = deadline - performance.now()
    if (now >= before + PACKETS || leftMs <= 0) break
    // Blocks: no event of this thread is handled meanwhile.
    Atomics.wait(count, 0, now, leftMs)
  }
  const during = Atomics.load(count, 0) - before
  t.ok(during >= PACKETS, `${during} packets passed during the block`)
})

for (const inspect of [true, false]) {
  const which = inspect ? 'an external sender' : 'FFmpeg'
  await t.test(`a packet of ${which} counts once it has arrived`, async t => {
    const { relay } = await openForwarding(t, { inspect })
    const socket = openSocket(t)
    socket.connect(relay.ports.rtp, '127.0.0.1')
    await once(socket, 'connect')
    const counts: number[] = []
    for (let sent = 1; sent <= 200; sent++) {
      const packet = opusPacket(sent)
      await new Promise(done => {
        socket.send(packet, done)
      })
      counts.push(await relay.readPackets())
    }
    // Otherwise a leg would look silent after a pause of this process.
    t.strictSame(
      counts,
      counts.map((_, index) => index + 1),
    )
  })
}

await t.test('viewers outlive the death of the relay thread', async t => {
  const { thread, records, open } = startThread(t)
  const relay = await open()
  const target = await openTarget(t)
  await relay.forward({ to: target.port, senderPort: undefined })
  startSending(t, relay.ports.rtp)
  await waitFor(() => target.packets.length > 5, 'packets')

  await t.rejects(crash(thread), { name: 'EngineError', code: 'worker' })
  await t.rejects(crash(thread), { code: 'worker' }, 'it can die again')
  const { length } = target.packets
  await waitFor(() => target.packets.length > length + 5, 'packets again')
  t.equal(
    records.filter(
      ({ message }) => message === 'relay thread died, starting another',
    ).length,
    2,
  )
  const steps = target.packets.slice(1).map((packet, index) => ({
    sequence: packet.sequence - (target.packets[index]?.sequence ?? 0),
    ticks: packet.timestamp - (target.packets[index]?.timestamp ?? 0),
  }))
  t.ok(
    steps.every(({ sequence }) => sequence === 1),
    'sequence numbers continue',
  )
  t.ok(
    steps.every(({ ticks }) => ticks > 0),
    'timestamps continue',
  )
  await waitFor(
    () => relay.packets === target.packets.length,
    'the exact number of packets, across both threads',
  )
})

await t.test('a relay thread that hangs is replaced', async t => {
  const { records, open } = startThread(t, {
    workerPingIntervalMs: 100,
    workerUnresponsiveTimeoutMs: 4_000,
  })
  const relay = await open()
  const target = await openTarget(t)
  await relay.forward({ to: target.port, senderPort: undefined })
  startSending(t, relay.ports.rtp)
  await waitFor(() => target.packets.length > 5, 'packets')

  hang(t)
  const ending = 'relay thread does not respond, ending it'
  await waitFor(async () => {
    // As a leg does when it is polled.
    await relay.readPackets()
    return records.some(({ message }) => message === ending)
  }, 'the end of the thread')
  const { length } = target.packets
  await waitFor(() => target.packets.length > length + 5, 'packets again')
  t.equal(records.filter(({ message }) => message === ending).length, 1)
  const sequences = target.packets.map(({ sequence }) => sequence)
  t.same(
    sequences,
    sequences.map((_, index) => index + 1),
    'sequence numbers continue',
  )
})

await t.test('a relay drops packets until it forwards, and after', async t => {
  const { open } = startThread(t)
  const relay = await open()
  const first = await openTarget(t)
  const second = await openTarget(t)
  startSending(t, relay.ports.rtp)
  await relay.forward({ to: first.port, senderPort: undefined })
  await waitFor(() => first.packets.length > 3, 'packets at the first target')
  relay.drop()
  await relay.forward({ to: second.port, senderPort: undefined })
  await waitFor(() => second.packets.length > 3, 'packets at the second')
  t.ok(
    (second.packets[0]?.sequence ?? 0) > (first.packets.at(-1)?.sequence ?? 0),
    'sequence numbers continue',
  )
  await waitFor(
    () => relay.packets === first.packets.length + second.packets.length,
    'a count of what was forwarded only',
  )
})

await t.test('a relay counts packets of another payload type', async t => {
  const { relay } = await openForwarding(t)
  startSending(t, relay.ports.rtp, 96)
  await waitFor(() => relay.unexpected.packets > 3, 'unexpected packets')
  t.equal(relay.unexpected.payloadType, 96)
  t.equal(relay.packets, 0)
})

await t.test('a relay drops packets that are not RTP', async t => {
  const { relay, target } = await openForwarding(t)
  const socket = openSocket(t)
  const notRtp = [
    Buffer.alloc(0),
    opusPacket(1).subarray(0, 11),
    Buffer.alloc(40),
    opusPacket(2, 72),
  ]
  for (const packet of [...notRtp, opusPacket(3)]) {
    socket.send(packet, relay.ports.rtp, '127.0.0.1')
  }
  await waitFor(() => target.packets.length > 0, 'the RTP packet')
  t.same(target.packets, [{ sequence: 1, timestamp: 3 * 960 }])
  t.equal(await relay.readPackets(), 1)
  t.equal(relay.unexpected.packets, 0)
})

await t.test('a burst passes whole, in order and counted', async t => {
  const { relay, target } = await openForwarding(t)
  const socket = openSocket(t)
  for (let index = 0; index < BURST; index++) {
    socket.send(opusPacket(65_500 + index), relay.ports.rtp, '127.0.0.1')
  }
  await waitFor(() => target.packets.length >= BURST, 'the burst')
  t.same(
    target.packets.map(({ sequence }) => sequence),
    Array.from({ length: BURST }, (_, index) => index + 1),
  )
  t.equal(await relay.readPackets(), BURST)
})

await t.test('a relay leases its ports until it is closed', async t => {
  const { thread, udpPorts, open } = startThread(t)
  const relay = await open()
  t.equal(udpPorts.counts().inUse, 2)
  t.equal(await probeUdpPort(relay.ports.rtp), false, 'the port is bound')
  await relay.close()
  await relay.close()
  t.equal(udpPorts.counts().inUse, 0)
  t.equal(await probeUdpPort(relay.ports.rtp), true, 'the port is free')

  const other = await open()
  await thread.close()
  await thread.close()
  t.equal(await probeUdpPort(other.ports.rtp), true, 'the end frees it too')
  await other.close()
  t.equal(udpPorts.counts().inUse, 0)
  await t.rejects(open(), { code: 'worker' })
  t.equal(udpPorts.counts().inUse, 0)
})

await t.test('a port that another program uses is quarantined', async t => {
  const { udpPorts, open } = startThread(t)
  const first = udpPorts.lease()
  first.release()
  // The pool leases the port that has rested longest, which is the next one.
  const busy: Socket = createSocket('udp4')
  t.teardown(() => {
    busy.close()
  })
  busy.bind(first.port + 1, '127.0.0.1')
  await once(busy, 'listening')
  const before = udpPorts.counts().available
  await t.rejects(open(), {
    code: 'ports',
    message: `Cannot listen on UDP port ${first.port + 1}: `,
  })
  t.equal(udpPorts.counts().inUse, 0)
  t.equal(udpPorts.counts().available, before - 1)
})

await t.test('the last packet is kept in the time of each thread', t => {
  const counters = new RelayCounters()
  t.equal(counters.lastForwarded, undefined)
  const last = { sequence: 7, timestamp: 2 ** 32 - 1, atMs: 12.5 }
  counters.countForwarded(last)
  const { lastForwarded } = new RelayCounters(counters.buffer)
  t.match(lastForwarded, { sequence: 7, timestamp: 2 ** 32 - 1 })
  t.ok(Math.abs((lastForwarded?.atMs ?? 0) - 12.5) < 1)
  t.end()
})
