/** One port per worker for all viewers, with real workers and viewers. */
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import t, { type Test } from 'tap'

import { sharedPort } from '../../stream/endpoints.ts'
import { FfmpegRun } from '../fixtures/ffmpeg.ts'
import {
  managedConfig,
  startMediaStack,
  streamId,
  untilLive,
} from '../fixtures/media-stack.ts'
import { takePorts } from '../../../shared/test/fixtures/ports.ts'
import { waitFor } from '../../../shared/test/fixtures/wait-for.ts'
import {
  CHROMIUM,
  startPlayingStream,
  type ViewOptions,
} from '../fixtures/playing-stream.ts'
import { endViewers, TestViewer } from '../fixtures/viewer.ts'

const LOOPBACK = { listen: ['127.0.0.1'], announced: ['127.0.0.1'] }
const SETTING = 'CORE_WEBRTC_MUX_PORT'
/** Ports of the legs of one managed stream. */
const LEG_PORTS = 8

t.setTimeout(120_000)
t.teardown(endViewers)

function shared(port: number, tcp = false) {
  return sharedPort(LOOPBACK, { port, tcp, setting: SETTING })
}

interface PlayingOptions {
  readonly workers?: number
  readonly tcp?: boolean
}

async function playing(t: Test, { workers = 1, tcp }: PlayingOptions = {}) {
  const { min: port } = await takePorts(workers)
  const playing = await startPlayingStream(t, {
    workers,
    addresses: LOOPBACK,
    sharedPort: shared(port, tcp),
  })
  const view = (options: ViewOptions = {}) =>
    playing.view({ signal: AbortSignal.timeout(20_000), ...options })
  return { ...playing, port, view }
}

function portsOf({ transport }: TestViewer): readonly number[] {
  return [...new Set(transport.iceCandidates.map(({ port }) => port))]
}

await t.test('viewers of a worker share its port', async t => {
  const { stack, port, view } = await playing(t)
  const { engine } = stack
  const idle = { inUse: LEG_PORTS + 1, available: 60 - LEG_PORTS }
  t.same(engine.udpPortCounts(), idle, 'the port counts as in use')
  const viewers = [await view(), await view(), await view()]
  for (const viewer of viewers) {
    t.same(portsOf(viewer), [port])
    await Promise.all([viewer.plays('video'), viewer.plays('audio')])
  }
  t.same(engine.udpPortCounts(), idle, 'viewers take no port of the pool')
  const [first, second] = viewers
  first?.close()
  const packets = () => second?.received.get('video')?.packets ?? 0
  const before = packets()
  await waitFor(() => packets() > before + 30, 'the others to play on')
  const restarted = await second?.transport.restartIce(
    AbortSignal.timeout(10_000),
  )
  t.ok(restarted?.usernameFragment, 'ICE can be restarted')
})

await t.test('each worker has a port, and viewers spread', async t => {
  const { port, view } = await playing(t, { workers: 2 })
  const viewers = []
  for (let at = 0; at < 8; at++) viewers.push(await view())
  const ports = new Set(viewers.flatMap(portsOf))
  t.same([...ports].toSorted(), [port, port + 1])
  for (const viewer of viewers) await viewer.plays('video')
})

await t.test('the replacement of a dead worker binds its port', async t => {
  const { stack, stream, port, view, restart } = await playing(t)
  const viewer = await view()
  await viewer.plays('video')
  const states: string[] = []
  viewer.transport.onState(state => states.push(state))
  const [worker] = stack.engine.workers
  if (worker === undefined) throw new Error('There is no worker')
  process.kill(worker.pid, 'SIGKILL')
  await waitFor(() => states.includes('worker-died'))
  await waitFor(() => stack.engine.workers.length === 1)
  await restart()
  await untilLive(stream)
  const next = await view()
  t.same(portsOf(next), [port])
  await Promise.all([next.plays('video'), next.plays('audio')])
})

await t.test('a viewer plays over TCP on the shared port', async t => {
  const { port, view } = await playing(t, { tcp: true })
  const viewer = await view({ path: { protocol: 'tcp', address: '127.0.0.1' } })
  t.same(
    viewer.transport.iceCandidates.map(({ protocol }) => protocol),
    ['udp', 'tcp'],
  )
  t.same(portsOf(viewer), [port])
  await Promise.all([viewer.plays('video'), viewer.plays('audio')])
})

await t.test('without TCP there are no TCP candidates', async t => {
  const { view } = await playing(t)
  const viewer = await view()
  t.same(
    viewer.transport.iceCandidates.map(({ protocol }) => protocol),
    ['udp'],
  )
})

await t.test('a changed address is announced to the next viewer', async t => {
  const announced = ['192.0.2.1']
  const addresses = { listen: ['127.0.0.1'], announced }
  const { min: port } = await takePorts(1)
  const stack = await startMediaStack({
    ports: 20,
    addresses,
    sharedPort: sharedPort(addresses, { port, tcp: true, setting: SETTING }),
  })
  t.teardown(() => stack.close())
  const stream = stack.streams.add(streamId('cam'), managedConfig())
  const ffmpeg = await FfmpegRun.start(stream)
  t.teardown(() => ffmpeg.stop())
  await untilLive(stream)
  announced.splice(0, 1, '127.0.0.1')
  const viewer = await TestViewer.open(stream, CHROMIUM)
  t.same(
    viewer.transport.iceCandidates.map(
      ({ protocol, address }) => `${protocol} ${address}`,
    ),
    ['udp 127.0.0.1', 'tcp 127.0.0.1'],
  )
  await viewer.plays('video')
  viewer.close()
})

await t.test('a shared port in the pool counts once', async t => {
  const { min, max } = await takePorts(20)
  const stack = await startMediaStack({
    udpPorts: { min, max: min + 19 },
    addresses: LOOPBACK,
    sharedPort: shared(min + 5),
  })
  t.teardown(() => stack.close())
  t.ok(max >= min + 19)
  t.same(stack.engine.udpPortCounts(), { inUse: 1, available: 19 })
  const leases = Array.from({ length: 19 }, () => stack.engine.udpPorts.lease())
  t.notOk(
    leases.some(({ port }) => port === min + 5),
    'it is leased for nothing else',
  )
  for (const lease of leases) lease.release()
})

await t.test('a port in use ends the start and names the setting', async t => {
  const { min: port } = await takePorts(2)
  const socket = createSocket('udp4')
  t.teardown(() => {
    socket.close()
  })
  socket.bind({ port: port + 1, address: '127.0.0.1', exclusive: true })
  await once(socket, 'listening')
  await t.rejects(
    startMediaStack({
      workers: 2,
      addresses: LOOPBACK,
      sharedPort: shared(port),
    }),
    {
      name: 'EngineError',
      message: `Cannot listen on port ${port + 1} (${SETTING}): it is in use`,
    },
  )
})
