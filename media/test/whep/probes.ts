/** Probes of the exporter: rows P1 to P11 of media/whep/REQUIREMENTS.md. */
import t, { type Test } from 'tap'
import { FakeClock } from '../../../shared/test/fixtures/fake-clock.ts'
import { StreamError } from '../../whep/stream-port.ts'
import { rawStatus } from '../web/fixtures/raw-request.ts'
import { assertProblem, etagOf, locationOf } from './fixtures/assertions.ts'
import { CHROMIUM, fragmentOf, without } from './fixtures/offers.ts'
import { WhepServer } from './fixtures/whep-server.ts'

const CLAIM = { 'Dragonfork-Probe': '1' }
const TOKEN = { Authorization: 'Bearer exporter' }
const PROBE = { ...CLAIM, ...TOKEN }
const TOKENS = { exporterToken: 'exporter', whepToken: 'viewer' }
const VIEWER = { Authorization: 'Bearer viewer' }
const SDP = { 'Content-Type': 'application/sdp' }
const SAME = fragmentOf(CHROMIUM)
const PEERS = '/api/v3/webrtc/streams/av/peers'

/** Asserts that no session of either kind exists. */
function assertNone(t: Test, server: WhepServer): void {
  t.equal(server.sessions.of('av').length, 0)
  t.equal(server.probes.of('av').length, 0)
  t.equal(server.av.open, 0)
  t.equal(server.slotsTaken, 0)
}

t.test('a claim with the token opens a probe (P1)', async t => {
  const server = await WhepServer.start(t, { config: TOKENS })
  const response = await server.post('av', CHROMIUM, PROBE)
  t.equal(response.status, 201)
  t.equal(server.probes.of('av').length, 1)
  t.equal(server.sessions.of('av').length, 0)
  const path = locationOf(response)
  const patched = await server.patch(path, SAME, {
    ...PROBE,
    'If-Match': etagOf(response),
  })
  t.equal(patched.status, 204)
  const remove = { method: 'DELETE', headers: PROBE }
  t.equal((await server.request(path, remove)).status, 204)
  t.equal(server.av.last.closed, true)
  assertNone(t, server)
})

t.test('without a token, a claim from this machine is enough (P1)', async t => {
  const server = await WhepServer.start(t, { config: { whepToken: 'viewer' } })
  const { host } = server.base
  const url = new URL('/api/v3/whep/av', server.base)
  t.equal(await rawStatus(url, { ...SDP, ...CLAIM }, CHROMIUM), 201)
  const page = { ...SDP, ...CLAIM, Origin: `http://${host}` }
  t.equal(await rawStatus(url, page, CHROMIUM), 201, 'as in the admin API')
  t.equal(server.probes.of('av').length, 2)
})

t.test('a claim without the token gets 401 (P2)', async t => {
  const server = await WhepServer.start(t, { config: TOKENS })
  const probe = locationOf(await server.post('av', CHROMIUM, PROBE))
  for (const wrong of [
    {},
    VIEWER,
    { Authorization: 'Bearer exporter2' },
    { Authorization: 'Bearer' },
    { Authorization: 'Basic ZXhwb3J0ZXI6' },
    { Authorization: 'exporter' },
  ]) {
    const headers = { ...CLAIM, ...wrong }
    for (const response of [
      await server.post('av', CHROMIUM, headers),
      await server.patch(probe, SAME, { ...headers, 'If-Match': '*' }),
      await server.request(probe, { method: 'DELETE', headers }),
    ]) {
      t.match(response.headers.get('WWW-Authenticate'), /^Bearer /)
      await assertProblem(t, response, 401, 'probe-token')
    }
  }
  const url = new URL('/api/v3/whep/av', server.base)
  const twice = ['Bearer exporter', 'Bearer exporter']
  const repeated = { ...SDP, ...CLAIM, Authorization: twice }
  t.equal(await rawStatus(url, repeated, CHROMIUM), 401)
  t.equal(server.probes.of('av').length, 1, 'the probe goes on')
  t.equal(server.sessions.of('av').length, 0)
  t.equal(server.slotsTaken, 0)
})

t.test('the token of the exporter without a claim is wrong (P2)', async t => {
  const server = await WhepServer.start(t, { config: TOKENS })
  const response = await server.post('av', CHROMIUM, TOKEN)
  await assertProblem(t, response, 401, 'token-wrong')
  assertNone(t, server)
})

t.test('without a token, no header makes a claim local (P3)', async t => {
  const server = await WhepServer.start(t)
  const url = new URL('/api/v3/whep/av', server.base)
  for (const remote of [
    { 'X-Forwarded-For': '127.0.0.1' },
    { Forwarded: 'for=127.0.0.1' },
    { 'X-Real-IP': '127.0.0.1' },
    { Via: '1.1 proxy' },
    { Host: 'rebound.example' },
    { Origin: 'https://evil.example' },
    { Origin: 'null' },
  ]) {
    const headers = { ...SDP, ...CLAIM, ...remote }
    const status = await rawStatus(url, headers, CHROMIUM)
    t.equal(status, 403, JSON.stringify(remote))
  }
  const response = await server.post('av', CHROMIUM, { ...CLAIM, Via: '1.1 x' })
  await assertProblem(t, response, 403, 'probe-local-only')
  assertNone(t, server)
})

t.test('a claim that is not one 1 gets 400 (P4)', async t => {
  const server = await WhepServer.start(t, { config: TOKENS })
  for (const claim of ['', '0', 'true', '1;q=1', '1, 1']) {
    const headers = { ...PROBE, 'Dragonfork-Probe': claim }
    const response = await server.post('av', CHROMIUM, headers)
    await assertProblem(t, response, 400, 'probe-malformed')
  }
  const url = new URL('/api/v3/whep/av', server.base)
  const repeated = { ...SDP, ...TOKEN, 'Dragonfork-Probe': ['1', '1'] }
  t.equal(await rawStatus(url, repeated, CHROMIUM), 400)
  assertNone(t, server)
})

t.test('no request or end of a probe is counted (P5)', async t => {
  const clock = new FakeClock()
  const caps = { total: 1, perStream: 1 }
  const server = await WhepServer.start(t, { clock, caps, config: TOKENS })
  await server.post('av', CHROMIUM, VIEWER)
  server.av.last.become('connected')
  const counted = [...server.observations.all]
  t.not(counted.length, 0)
  const post = (offer = CHROMIUM, id = 'av') => server.post(id, offer, PROBE)
  const path = locationOf(await post())
  const transport = server.av.last
  transport.become('connected')
  const headers = { ...PROBE, 'If-Match': '*' }
  const restart = fragmentOf(CHROMIUM, { ufrag: 'newU', pwd: 'n'.repeat(22) })
  t.equal((await server.patch(path, SAME, headers)).status, 204)
  t.equal((await server.patch(path, restart, headers)).status, 200)
  t.equal((await server.patch(path, 'nonsense', headers)).status, 400)
  t.equal((await server.patch(`${path}x`, SAME, headers)).status, 404)
  for (const id of ['av', 'video']) t.equal((await post('', id)).status, 400)
  t.equal((await post(CHROMIUM, 'nobody')).status, 404)
  t.equal((await post(without(CHROMIUM, /H264/))).status, 406)
  transport.become('disconnected')
  clock.advance(5_000)
  t.equal(transport.closed, true, 'disconnected for too long')
  for (const end of ['dtls-failed', 'dtls-closed', 'worker-died'] as const) {
    t.equal((await post()).status, 201)
    server.av.last.become(end)
  }
  t.equal((await post()).status, 201)
  clock.advance(10_000)
  t.equal(server.probes.of('av').length, 0, 'never connected')
  const hang = Promise.withResolvers<undefined>()
  const requested = Promise.withResolvers<undefined>()
  server.av.before = () => {
    requested.resolve(undefined)
    return hang.promise
  }
  const late = post()
  await requested.promise
  clock.advance(5_000)
  t.equal((await late).status, 504)
  hang.resolve(undefined)
  const remove = { method: 'DELETE', headers: PROBE }
  t.equal((await server.request(path, remove)).status, 204)
  t.strictSame(server.observations.all, counted)
  t.equal(clock.pending, 0, 'no timer remains')
})

t.test('a rejected claim is counted: it is no probe (P5)', async t => {
  const server = await WhepServer.start(t, { config: TOKENS })
  await server.post('av', CHROMIUM, CLAIM)
  const labels = { stream_id: 'av', code: '401' }
  t.equal(server.observations.count('whep_requests_total', labels), 1)
})

t.test('a probe takes no slot and no request of a viewer (P6)', async t => {
  const server = await WhepServer.start(t, {
    caps: { total: 1, perStream: 1 },
    config: { ...TOKENS, postsPerMinute: 2 },
  })
  const path = locationOf(await server.post('av', CHROMIUM, PROBE))
  t.equal(server.slotsTaken, 0)
  t.equal((await server.post('av', CHROMIUM, VIEWER)).status, 201)
  t.equal((await server.post('av', CHROMIUM, VIEWER)).status, 503)
  t.equal((await server.post('av', CHROMIUM, VIEWER)).status, 429)
  t.equal((await server.post('av', CHROMIUM, PROBE)).status, 201)
  await server.request(path, { method: 'DELETE', headers: PROBE })
  t.equal((await server.post('av', CHROMIUM, PROBE)).status, 201)
  t.equal(server.slotsTaken, 1)
})

t.test('a third probe gets 503 while two are open (P7)', async t => {
  const server = await WhepServer.start(t, { config: TOKENS })
  const post = (id: string) => server.post(id, CHROMIUM, PROBE)
  const open = Promise.withResolvers<undefined>()
  server.av.before = () => open.promise
  // One is being opened, the other is open.
  const first = post('av')
  const second = await post('vp8')
  const third = await post('video')
  const body = await assertProblem(t, third, 503, 'too-many-probes')
  t.equal(body['scope'], undefined, 'no cap is reached')
  t.match(third.headers.get('Retry-After'), /^[1-9]\d*$/)
  open.resolve(undefined)
  t.equal((await first).status, 201)
  await assertProblem(t, await post('video'), 503, 'too-many-probes')
  t.equal((await server.post('av', CHROMIUM, VIEWER)).status, 201)
  const remove = { method: 'DELETE', headers: PROBE }
  await server.request(locationOf(second), remove)
  t.equal((await post('video')).status, 201)
  const failed = new StreamError('worker', 'The worker has died')
  server.video.before = () => Promise.reject(failed)
  await server.request(locationOf(await first), remove)
  for (let at = 0; at < 3; at++) {
    await assertProblem(t, await post('video'), 503, 'worker-unavailable')
  }
  server.video.before = undefined
  t.equal((await post('video')).status, 201, 'a failed probe takes no place')
})

t.test('a probe ends after 20 seconds, a viewer does not (P8)', async t => {
  const clock = new FakeClock()
  const server = await WhepServer.start(t, { clock, config: TOKENS })
  await server.post('av', CHROMIUM, VIEWER)
  server.av.last.become('connected')
  const path = locationOf(await server.post('av', CHROMIUM, PROBE))
  const probe = server.av.last
  probe.become('connected')
  clock.advance(15_000)
  const headers = { ...PROBE, 'If-Match': '*' }
  t.equal((await server.patch(path, SAME, headers)).status, 204)
  clock.advance(4_999)
  t.equal(probe.closed, false)
  clock.advance(1)
  t.equal(probe.closed, true)
  const patched = await server.patch(path, SAME, headers)
  const body = await assertProblem(t, patched, 404, 'session-ended')
  t.equal(body['reason'], 'expired')
  t.equal(server.sessions.of('av').length, 1)
  t.equal(clock.pending, 0, 'no timer remains')
})

t.test('a probe neither starts nor holds a stream on demand (P9)', async t => {
  const server = await WhepServer.start(t, { config: TOKENS })
  const demand = {
    asleep: true,
    hold: () => Promise.reject(new Error('A probe must not hold')),
  }
  server.av.demand = demand
  server.av.live = false
  const response = await server.post('av', CHROMIUM, PROBE)
  const body = await assertProblem(t, response, 409, 'stream-not-live')
  t.equal(body['asleep'], true)
  t.match(body.detail, /asleep/)
  demand.asleep = false
  const starting = await server.post('av', CHROMIUM, PROBE)
  t.notOk((await assertProblem(t, starting, 409, 'stream-not-live'))['asleep'])
  server.av.live = true
  t.equal((await server.post('av', CHROMIUM, PROBE)).status, 201)
})

t.test('viewers and probes have no access to each other (P10)', async t => {
  const server = await WhepServer.start(t, { config: TOKENS })
  const probe = locationOf(await server.post('av', CHROMIUM, PROBE))
  const viewer = locationOf(await server.post('av', CHROMIUM, VIEWER))
  for (const [path, headers] of [
    [viewer, PROBE],
    [probe, VIEWER],
    [probe, {}],
  ] as const) {
    const patched = await server.patch(path, SAME, {
      ...headers,
      'If-Match': '*',
    })
    await assertProblem(t, patched, 404, 'session-unknown')
    const removed = await server.request(path, { method: 'DELETE', headers })
    t.equal(removed.status, 204)
  }
  t.equal(server.sessions.of('av').length, 1)
  t.equal(server.probes.of('av').length, 1)
})

t.test('a preflight does not allow the claim to pages (P11)', async t => {
  const server = await WhepServer.start(t, { config: TOKENS })
  const response = await server.request('/api/v3/whep/av', {
    method: 'OPTIONS',
    headers: {
      Origin: 'https://player.example',
      'Access-Control-Request-Method': 'POST',
      'Access-Control-Request-Headers': 'dragonfork-probe',
    },
  })
  const allowed = response.headers.get('Access-Control-Allow-Headers') ?? ''
  t.match(allowed, 'Content-Type')
  t.notMatch(allowed.toLowerCase(), /probe|\*/)
})

t.test('the admin API lists a probe as one, but does not count it', async t => {
  const server = await WhepServer.start(t, { config: TOKENS })
  await server.post('av', CHROMIUM, VIEWER)
  const path = locationOf(await server.post('av', CHROMIUM, PROBE))
  const id = path.split('/').at(-1) ?? ''
  const get = async (url: string): Promise<unknown> =>
    (await server.request(url)).json()
  t.match(await get(PEERS), [{ probe: false }, { id, probe: true }])
  const streams = await get('/api/v3/webrtc/streams')
  t.match(streams, [{ id: 'av', peers: 1 }])
  const kick = { method: 'DELETE' }
  t.equal((await server.request(`${PEERS}/${id}`, kick)).status, 204)
  t.match(await get(PEERS), [{ probe: false }])
  t.equal(server.probes.of('av').length, 0)
  t.equal((await server.request(`${PEERS}/${id}`, kick)).status, 404)
})
