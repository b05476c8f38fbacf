/** Probes that play: rows P5 and P6 of media/whep/REQUIREMENTS.md. */
import { isDeepStrictEqual } from 'node:util'
import { cleanup } from 'node-datachannel'
import t from 'tap'
import { waitFor } from '../../../shared/test/fixtures/wait-for.ts'
import { Peer } from '../fixtures/peer.ts'
import { requireFfmpeg } from '../fixtures/require-ffmpeg.ts'
import { wholeApp } from '../fixtures/whole-app.ts'
import { dumpWorker } from '../fixtures/worker-dump.ts'
import { ScriptedExporter } from '../outbox/fixtures/exporter.ts'
import { locationOf } from './fixtures/assertions.ts'
import { H264, LiveServer } from './fixtures/live-server.ts'
import { CHROMIUM, fragmentOf } from './fixtures/offers.ts'

requireFfmpeg(t)
t.teardown(cleanup)
t.setTimeout(280_000)

const VIDEO = { video: { payloadType: 108, codec: 'H264' } } as const
const AUDIO = { audio: { payloadType: 111 } } as const
const CLAIM = { 'Dragonfork-Probe': '1' }
const SDP = { 'Content-Type': 'application/sdp' }
const FRAGMENT = {
  'Content-Type': 'application/trickle-ice-sdpfrag',
  'If-Match': '*',
}

t.test('at the caps a probe plays, and only ports change', async t => {
  const exporter = new ScriptedExporter()
  await exporter.up()
  t.teardown(() => exporter.down())
  const app = await wholeApp(t, {
    CORE_EXPORTER_URL: exporter.url.href,
    CORE_EXPORTER_TOKEN: 'exporter',
    CORE_WHEP_TOKEN: 'viewer',
    CORE_WEBRTC_MAX_PEERS_TOTAL: '1',
    CORE_WEBRTC_ICE_TIMEOUT_MS: '120000',
  })
  await app.addDemo()
  const endpoint = new URL(`${app.origin}/api/v3/whep/demo`)
  const post = (headers: Record<string, string>, body = CHROMIUM) =>
    fetch(endpoint, { method: 'POST', headers: { ...SDP, ...headers }, body })
  const viewer = { Authorization: 'Bearer viewer' }
  const probe = { ...CLAIM, Authorization: 'Bearer exporter' }
  const counted = (status: number) =>
    exporter.shown
      .get(
        `dragonfork_webrtc_whep_requests_total|POST /api/v3/whep/{id}|${status}|demo`,
      )
      ?.at(0) ?? 0
  const snapshots = () =>
    exporter.frames.filter(frame => frame.kind === 'snapshot')

  t.equal((await post(viewer)).status, 201)
  await exporter.until(() => counted(201) === 1)
  await exporter.until(() => snapshots().at(-1)?.streams[0]?.peers === 1)
  const { observed, shown } = exporter
  const seen = snapshots().length
  const portsBefore = snapshots().at(-1)?.udpPorts.inUse ?? 0

  const peer = new Peer(VIDEO, undefined, probe)
  t.teardown(() => {
    peer.close()
  })
  t.equal(await peer.view(endpoint), 201)
  await peer.plays()
  await exporter.until(
    () => (snapshots().at(-1)?.udpPorts.inUse ?? 0) > portsBefore,
  )
  const credentials = { ufrag: 'newU', pwd: 'n'.repeat(22) }
  const restarted = await fetch(peer.location, {
    method: 'PATCH',
    headers: { ...FRAGMENT, ...probe },
    body: fragmentOf(peer.offer, credentials),
  })
  t.equal(restarted.status, 200)
  t.equal((await post(probe, 'nonsense')).status, 400)
  t.equal((await post(probe)).status, 201)
  t.equal((await post(probe)).status, 503)
  t.equal(await peer.leave(), 204)

  // Observations arrive in their order, those of the probe before this one.
  t.equal((await post(viewer)).status, 503)
  await exporter.until(() => counted(503) === 1)
  t.equal(exporter.observed - observed, 3, 'a request, its time, a rejection')
  const changed = [...exporter.shown].filter(
    ([key, numbers]) => !isDeepStrictEqual(numbers, shown.get(key)),
  )
  t.equal(changed.length, 3)
  for (const { streams } of snapshots().slice(seen)) {
    t.match(streams, [{ id: 'demo', peers: 1 }])
  }
})

t.test('200 probes leave no port, transport or session', async t => {
  const server = await LiveServer.start(t, {
    ports: 20,
    streams: { h264: H264 },
  })
  const idle = server.portsInUse
  const handlers = async () => {
    const dumps = await Promise.all(server.stack.engine.workers.map(dumpWorker))
    return dumps.map(
      ({ channelMessageHandlers: each }) => each.channelRequestHandlers.length,
    )
  }
  const settles = () =>
    waitFor(
      () => server.portsInUse === idle && server.probes.of('h264').length === 0,
      'no probe',
    )
  const play = async () => {
    const peer = new Peer(AUDIO, undefined, CLAIM)
    if ((await peer.view(server.endpoint('h264'))) !== 201) {
      throw new Error(peer.answer)
    }
    await peer.plays(5)
    if ((await peer.leave()) !== 204) throw new Error('DELETE failed')
  }
  const open = async () => {
    const response = await server.post('h264', CHROMIUM, CLAIM)
    const url = new URL(locationOf(response), server.base)
    await fetch(url, { method: 'DELETE', headers: CLAIM })
  }
  const probe = (at: number) => (at % 10 === 0 ? play() : open())
  // The first ones open routers and pipes, which stay for a while.
  for (let at = 0; at < 10; at++) await probe(at)
  await settles()
  const before = await handlers()
  let next = 0
  const work = async () => {
    while (next < 200) await probe(next++)
  }
  await Promise.all([work(), work()])
  await settles()
  t.same(await handlers(), before)
  t.equal(server.sessions.of('h264').length, 0)
  t.same(server.observations.all, [])
  await Promise.all([play(), play()])
})
