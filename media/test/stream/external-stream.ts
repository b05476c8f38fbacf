import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import t from 'tap'
import { parseWebrtcConfig } from '../../ingest/webrtc-config.ts'
import {
  startMediaStack,
  streamId,
  untilLive,
} from '../fixtures/media-stack.ts'
import { UNSUPERVISED } from '../fixtures/ffmpeg.ts'
import { startExternal } from '../fixtures/external-start.ts'
import { startSender } from '../fixtures/sender.ts'
import { waitFor } from '../../../shared/test/fixtures/wait-for.ts'
import { endViewers, TestViewer } from '../fixtures/viewer.ts'
import { takePorts } from '../../../shared/test/fixtures/ports.ts'

const PORTS = await takePorts(100)
const VIDEO = { port: PORTS.min + 50, rtcpPort: PORTS.min + 51 }
const AUDIO = { port: PORTS.min + 52, rtcpPort: PORTS.min + 53 }
const CHROMIUM = { video: 108, rtx: 109, audio: 111 }

t.teardown(endViewers)

function externalConfig() {
  const config = parseWebrtcConfig({
    enabled: true,
    ingest: 'external',
    video: {
      codec: 'h264',
      port: VIDEO.port,
      rtcp_port: VIDEO.rtcpPort,
      payload_type: 96,
    },
    audio: { codec: 'opus', port: AUDIO.port, payload_type: 97 },
  })
  if (!config.enabled) throw new TypeError('Expected an enabled stream')
  return config
}

await t.test('an external stream plays', async t => {
  const stack = await startMediaStack({ udpPorts: PORTS })
  t.teardown(() => stack.close())
  const { engine, streams } = stack
  const stream = streams.add(streamId('outside'), externalConfig())
  const ports = () => engine.udpPorts.counts().inUse

  const states = await startExternal(stream)
  t.equal(ports(), 4, 'the configured ports are taken from the pool')
  t.equal(stream.live, false)
  await t.rejects(stream.prepareRun(UNSUPERVISED), { name: 'StreamError' })

  let sender = startSender({ video: VIDEO, audio: AUDIO })
  t.teardown(() => sender.stop())
  await untilLive(stream)
  const viewer = await TestViewer.open(stream, CHROMIUM)
  t.teardown(() => {
    viewer.close()
  })
  t.equal(ports(), 5)
  await Promise.all([viewer.plays('video'), viewer.plays('audio')])

  await t.test('packets of a second sender are ignored', async t => {
    const socket = createSocket('udp4')
    t.teardown(() => {
      socket.close()
    })
    socket.bind(0, '127.0.0.1')
    await once(socket, 'listening')
    const before = stream.status.legs.audio?.packets ?? 0
    for (let sequence = 0; sequence < 2_000; sequence++) {
      const packet = Buffer.alloc(20)
      packet.set([0x80, 97, 0, sequence & 0xff, 0, 0, 0, 0, 0, 0, 0, 9])
      socket.send(packet, AUDIO.port, '127.0.0.1')
    }
    await viewer.plays('audio', 50)
    const { packets = 0 } = stream.status.legs.audio ?? {}
    t.ok(packets - before < 1_000, `${packets - before} packets were counted`)
  })

  await t.test('viewers survive a restart of the sender', async t => {
    await sender.stop()
    await waitFor(() => stream.status.state === 'failed')
    t.equal(stack.legFailures('outside', 'video'), 1)
    t.equal(stack.legFailures('outside', 'audio'), 1)
    t.match(stream.status, {
      degraded: true,
      legs: { video: { cause: 'silent' } },
    })

    sender = startSender({ video: VIDEO, audio: AUDIO })
    await untilLive(stream)
    await Promise.all([viewer.plays('video', 60), viewer.plays('audio', 60)])
    t.equal(viewer.transport.state, 'connected', 'the viewer stays connected')
    t.ok(
      (viewer.received.get('audio')?.sequenceGaps ?? 1) < 3,
      'sequence numbers continue',
    )
    t.equal(
      stack.legFailures('outside', 'video'),
      1,
      'the failure is counted once',
    )
    t.equal(stream.status.degraded, false)
  })

  await t.test('a stream whose worker died restarts in a new one', async t => {
    const [worker] = engine.workers
    if (worker) process.kill(worker.pid, 'SIGKILL')
    await waitFor(() => viewer.transport.state === 'worker-died')
    await waitFor(() => states.length === 4)
    t.same(
      states,
      ['starting', 'running', 'starting', 'running'],
      'the stream restarts once',
    )
    await untilLive(stream)
    const next = await TestViewer.open(stream, CHROMIUM)
    t.teardown(() => {
      next.close()
    })
    await next.plays('video')
    t.equal(
      stack.legFailures('outside', 'video'),
      1,
      'no leg failure is counted',
    )
  })

  await t.test('stop() releases all ports', async t => {
    await stream.stop()
    await waitFor(() => ports() === 0)
    t.match(stream.status, { state: 'stopped', degraded: false })
  })

  await t.test('a port in use fails the start', async t => {
    const socket = createSocket('udp4')
    t.teardown(() => {
      socket.close()
    })
    socket.bind(VIDEO.port, '127.0.0.1')
    await once(socket, 'listening')
    const before = engine.udpPorts.counts()
    await t.rejects(startExternal(stream), {
      code: 'ports',
      message: new RegExp(`UDP port ${VIDEO.port}: .*EADDRINUSE`),
    })
    t.match(stream.status, {
      state: 'failed',
      legs: { video: { cause: 'bind' }, audio: { cause: 'bind' } },
    })
    t.equal(stack.legFailures('outside', 'video'), 2)
    t.same(
      engine.udpPorts.counts(),
      { inUse: 0, available: before.available - 1 },
      'the port does not count as available',
    )
  })

  await t.test('the ports of a registered stream are reserved', async t => {
    const { udpPorts } = engine
    const leaseAll = () => {
      const leased: number[] = []
      for (;;) {
        try {
          leased.push(udpPorts.lease().port)
        } catch {
          return leased
        }
      }
    }
    const isReserved = (port: number) =>
      port >= VIDEO.port && port < VIDEO.port + 4
    t.notOk(leaseAll().some(isReserved))
    await stream.remove()
    const left = leaseAll()
    t.ok(
      left.length > 0 && left.every(isReserved),
      'removing the stream returns them to the pool',
    )
  })
})

await t.test('video without parameter sets degrades the stream', async t => {
  const stack = await startMediaStack({
    udpPorts: PORTS,
    limits: { keyFrameTimeoutMs: 1_500 },
  })
  t.teardown(() => stack.close())
  const stream = stack.streams.add(streamId('outside'), externalConfig())
  await startExternal(stream)
  // Many cameras send SPS and PPS in the SDP only.
  const withoutSets = ['-bsf:v', 'filter_units=remove_types=7|8']
  const target = { video: VIDEO, audio: AUDIO }
  let sender = startSender(target, withoutSets)
  t.teardown(() => sender.stop())
  await untilLive(stream)
  await waitFor(() => stream.status.degraded, 'degraded')
  t.match(stream.status, {
    state: 'live',
    degraded_reason: /^video: no key frame for .* \(is the SPS sent/,
    legs: { video: { state: 'live' } },
  })
  const late = await TestViewer.open(stream, CHROMIUM)
  t.teardown(() => {
    late.close()
  })
  await late.plays('audio')
  t.equal(late.packets('video'), 0, 'a new viewer gets no picture')

  await sender.stop()
  sender = startSender(target)
  await late.plays('video')
  await waitFor(() => !stream.status.degraded, 'health')
})
