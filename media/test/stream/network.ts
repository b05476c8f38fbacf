import t from 'tap'

import { FfmpegRun } from '../fixtures/ffmpeg.ts'
import {
  managedConfig,
  startMediaStack,
  streamId,
  untilLive,
} from '../fixtures/media-stack.ts'
import { waitFor } from '../../../shared/test/fixtures/wait-for.ts'
import { endViewers, TestViewer, type ViewerPath } from '../fixtures/viewer.ts'
import { takePorts } from '../../../shared/test/fixtures/ports.ts'

const CHROMIUM = { video: 108, rtx: 109, audio: 111 }

t.setTimeout(120_000)
t.teardown(endViewers)

const stack = await startMediaStack({
  ports: 20,
  tcpPorts: await takePorts(10),
  addresses: {
    listen: ['127.0.0.1', '::1'],
    announced: ['127.0.0.1', '127.0.0.2', '::1'],
  },
})
t.teardown(() => stack.close())
const { udpPorts, tcpPorts } = stack.engine
// Other programs may use some of the ports.
const udpSize = udpPorts.counts().available
const tcpSize = tcpPorts?.counts().available ?? 0
const stream = stack.streams.add(streamId('cam'), managedConfig())
const ffmpeg = await FfmpegRun.start(stream)
t.teardown(() => ffmpeg.stop())
await untilLive(stream)

async function view(path?: ViewerPath) {
  return TestViewer.open(stream, CHROMIUM, AbortSignal.timeout(10_000), path)
}

await t.test('a viewer has a socket per listen address', async t => {
  const viewer = await view()
  const { iceCandidates } = viewer.transport
  t.same(
    iceCandidates.map(({ protocol, address }) => `${protocol} ${address}`),
    [
      'udp 127.0.0.1',
      'udp 127.0.0.2',
      'udp ::1',
      'tcp 127.0.0.1',
      'tcp 127.0.0.2',
      'tcp ::1',
    ],
    'there is a candidate per announced address, UDP first',
  )
  t.same(
    iceCandidates.map(({ priority }) => priority),
    iceCandidates.map(({ priority }) => priority).sort((a, b) => b - a),
    'candidates are sorted by priority',
  )
  t.same(udpPorts.counts(), { inUse: 10, available: udpSize - 10 })
  t.same(tcpPorts?.counts(), { inUse: 2, available: tcpSize - 2 })
  viewer.close()
  await waitFor(() => udpPorts.counts().inUse === 8)
  t.same(tcpPorts?.counts(), { inUse: 0, available: tcpSize })
})

const LOOPBACK = { protocol: 'udp', address: '127.0.0.1' } as const
const PATHS: readonly ViewerPath[] = [
  LOOPBACK,
  { protocol: 'udp', address: '::1' },
  { protocol: 'tcp', address: '127.0.0.1' },
]

for (const path of PATHS) {
  await t.test(
    `a viewer plays over ${path.protocol} on ${path.address}`,
    async t => {
      const viewer = await view(path)
      t.teardown(() => {
        viewer.close()
      })
      await Promise.all([viewer.plays('video'), viewer.plays('audio')])
      t.equal(viewer.transport.remoteAddress, path.address)
    },
  )
}

await t.test('a viewer without a free port is rejected', async t => {
  const viewers = []
  for (;;) {
    const opened = await view().catch((error: unknown) => error)
    if (!(opened instanceof TestViewer)) {
      t.match(opened, { name: 'StreamError', code: 'ports' })
      break
    }
    viewers.push(opened)
  }
  t.equal(viewers.length, Math.floor(tcpSize / 2), 'TCP ports run out first')
  t.equal(udpPorts.counts().inUse, 8 + 2 * viewers.length)
  for (const viewer of viewers) viewer.close()
  await waitFor(() => udpPorts.counts().inUse === 8)
})

await t.test('a viewer keeps playing after an ICE restart', async t => {
  const viewer = await view()
  t.teardown(() => {
    viewer.close()
  })
  await viewer.plays('video')
  const before = viewer.transport.iceParameters
  const after = await viewer.transport.restartIce(AbortSignal.timeout(10_000))
  t.not(after.usernameFragment, before.usernameFragment)
  t.same(viewer.transport.iceParameters, after)
  await viewer.plays('video')
})

await t.test('a viewer that vanishes becomes disconnected', async t => {
  const viewer = await view({ ...LOOPBACK, relayed: true })
  t.teardown(() => {
    viewer.close()
  })
  const states: string[] = []
  viewer.transport.onState(state => states.push(state))
  await viewer.plays('video')
  viewer.vanish()
  await waitFor(() => states.includes('disconnected'))
  t.same(states, ['checking', 'connected', 'disconnected'])
})
