import t from 'tap'

import { parseStreamId } from '../../../shared/protocol/ids.ts'
import { waitFor } from '../../../shared/test/fixtures/wait-for.ts'
import type { StreamStatus } from '../../stream/status.ts'
import { PacketRates } from '../../web/packet-rates.ts'
import type { Overview } from '../../web/overview.ts'
import { requireFfmpeg } from '../fixtures/require-ffmpeg.ts'
import { wholeApp } from '../fixtures/whole-app.ts'

requireFfmpeg(t)
t.setTimeout(120_000)

const PATH = '/api/v3/webrtc/overview'

function status(packets: number): StreamStatus {
  return {
    id: parseStreamId('cam'),
    state: 'live',
    degraded: false,
    legs: { video: { state: 'live', codec: 'h264', packets, silent_ms: 0 } },
    started_at: 0,
  }
}

t.test('PacketRates divides the new packets by the time', t => {
  const rates = new PacketRates()
  rates.sample([status(100)], 0)
  t.equal(rates.of('cam', 'video'), null, 'one sample is not enough')
  rates.sample([status(700)], 2_000)
  t.equal(rates.of('cam', 'video'), 300)
  rates.sample([status(705)], 2_100)
  t.equal(rates.of('cam', 'video'), 300, 'a second page changes nothing')
  t.equal(rates.of('cam', 'audio'), null)
  rates.sample([status(10)], 4_000)
  t.equal(rates.of('cam', 'video'), null, 'the stream was started again')
  rates.sample([status(9_000)], 60_000)
  t.equal(rates.of('cam', 'video'), null, 'nobody has looked for a while')
  rates.sample([], 61_000)
  rates.sample([status(9_010)], 62_000)
  t.equal(rates.of('cam', 'video'), null, 'it was removed in between')
  t.end()
})

t.test('GET overview shows the box and each stream', async t => {
  const app = await wholeApp(t, { CORE_WEBRTC_MAX_PEERS_PER_STREAM: '7' })
  const overview = async () => (await app.get(PATH)) as Overview
  const before = Date.now() / 1_000 - 1
  await app.addDemo()
  await app.call('POST', '/api/v3/process', {
    id: 'sent',
    autostart: false,
    webrtc: {
      enabled: true,
      ingest: 'external',
      video: { codec: 'h264', port: 9_998, rtcp_port: 9_999 },
    },
  })
  await waitFor(async () => {
    const rate = (await overview()).streams[0]?.legs.video?.packets_per_second
    return (rate ?? 0) > 0
  }, 'packets a second')
  const { streams, ...box } = await overview()
  t.match(box, {
    core: { id: 'dragonfork-local', version: '0.0.0' },
    time: Number,
    uptime_seconds: Number,
    viewers: 0,
    viewers_max: Number,
    drain: { draining: false, since: null, viewers_left: 0, end_after: null },
    ports: { in_use: 4, total: 40 },
    workers: [{ pid: Number, state: 'running' }],
    exporter: { connected: false, since: null },
  })
  const [demo, sent] = streams
  t.match(demo, {
    id: 'demo',
    type: 'process',
    state: 'live',
    degraded: false,
    reason: null,
    peers: 0,
    peers_max: 7,
    legs: { video: { state: 'live', codec: 'h264' } },
    process: {
      order: 'start',
      exec: 'running',
      speed: Number,
      cpu_percent: Number,
      memory_bytes: Number,
    },
  })
  t.match(sent, {
    id: 'sent',
    type: 'external',
    state: 'stopped',
    process: null,
    legs: { video: { packets_per_second: Number } },
  })
  t.ok((demo?.since ?? 0) >= Math.floor(before), 'since it is live')

  const changedAt = demo?.since
  await app.call('PUT', '/api/v3/process/demo/command', { command: 'stop' })
  const stopped = (await overview()).streams[0]
  t.match(stopped, {
    state: 'stopped',
    process: { order: 'stop', speed: null, memory_bytes: null },
  })
  t.ok((stopped?.since ?? 0) >= (changedAt ?? Infinity))
})

t.test('GET overview costs little for 200 streams', async t => {
  const app = await wholeApp(t)
  for (let index = 0; index < 200; index++) {
    await app.call('POST', '/api/v3/process', {
      id: `s${index}`,
      autostart: false,
      webrtc: { enabled: true, video: { codec: 'h264' } },
      input: [{ id: 'in', address: 'testsrc2' }],
    })
  }
  const cost = async (path: string) => {
    await app.get(path)
    const before = process.cpuUsage()
    for (let times = 0; times < 20; times++) await app.get(path)
    const { user, system } = process.cpuUsage(before)
    return (user + system) / 20_000
  }
  const list = await cost('/api/v3/webrtc/streams')
  const all = await cost(PATH)
  t.comment(`${all.toFixed(1)} ms, the list of streams ${list.toFixed(1)} ms`)
  t.equal(((await app.get(PATH)) as Overview).streams.length, 200)
  t.ok(all < 10 * list, 'it polls nothing')
})
