/** A server that drains: row S15 of media/whep/REQUIREMENTS.md. */
import t from 'tap'
import { FakeClock } from '../../../shared/test/fixtures/fake-clock.ts'
import type { DrainStatus } from '../../whep/drain.ts'
import {
  assertNoCorsProblem,
  assertProblem,
  locationOf,
} from './fixtures/assertions.ts'
import { CHROMIUM } from './fixtures/offers.ts'
import { WhepServer } from './fixtures/whep-server.ts'

const PATH = '/api/v3/webrtc/drain'

function put(
  server: WhepServer,
  body: unknown,
  query = '',
  headers: Readonly<Record<string, string>> = {},
): Promise<Response> {
  return server.request(PATH + query, {
    method: 'PUT',
    headers: { 'Content-Type': 'application/json', ...headers },
    body: typeof body === 'string' ? body : JSON.stringify(body),
  })
}

async function statusOf(response: Response): Promise<DrainStatus> {
  if (response.status !== 200) throw new Error(await response.text())
  return (await response.json()) as DrainStatus
}

t.test('a drain refuses POSTs with 503 and keeps viewers (S15)', async t => {
  const server = await WhepServer.start(t)
  const session = locationOf(await server.post('av', CHROMIUM))
  const status = await statusOf(await put(server, { drain: true }))
  t.match(status, {
    draining: true,
    since: Number,
    viewers_left: 1,
    end_after: null,
    ends_at: null,
  })
  // Neither the offer nor the state of the stream matters.
  for (const offer of [CHROMIUM, 'not SDP']) {
    const response = await server.post('av', offer)
    const body = await assertProblem(t, response, 503, 'draining')
    t.equal(body['scope'], 'draining')
    t.match(response.headers.get('Retry-After'), /^[1-9]$/)
  }
  t.equal((await server.post('nobody', CHROMIUM)).status, 404)
  t.equal((await server.request(session)).status, 200)
  t.equal(server.slotsTaken, 1)
  t.equal((await server.request(session, { method: 'DELETE' })).status, 204)
  t.same(await statusOf(await server.request(PATH)), {
    ...status,
    viewers_left: 0,
  })
  const post = { route: 'POST /api/v3/whep/{id}', stream_id: 'av' }
  const count = (code: string) =>
    server.observations.count('whep_requests_total', { ...post, code })
  t.equal(count('503'), 2)
  t.equal(count('201'), 1)
  t.equal(
    server.observations.count('whep_request_duration_seconds', post),
    3,
    'a refusal is timed as any response',
  )
  for (const family of ['cap_rejections_total', 'ice_failures_total']) {
    t.equal(server.observations.count(family), 0, 'it is no cap and no failure')
  }
})

t.test('/ping answers 503 during a drain, /ping?live 200', async t => {
  const server = await WhepServer.start(t)
  const codes = async () => [
    (await server.request('/ping')).status,
    (await server.request('/ping?live')).status,
  ]
  t.same(await codes(), [200, 200])
  await put(server, { drain: true })
  t.same(await codes(), [503, 200])
  const response = await server.request('/ping')
  await assertNoCorsProblem(t, response, 503, 'draining')
  t.ok(response.headers.get('Retry-After'))
  await put(server, { drain: false })
  t.same(await codes(), [200, 200])
})

t.test('a drain refuses a POST that waits', async t => {
  const server = await WhepServer.start(t)
  const reached = Promise.withResolvers<undefined>()
  const opens = Promise.withResolvers<undefined>()
  server.av.before = () => {
    reached.resolve(undefined)
    return opens.promise
  }
  const waiting = server.post('av', CHROMIUM)
  await reached.promise
  await put(server, { drain: true })
  // Admitting viewers again does not change what the POST is answered.
  await put(server, { drain: false })
  await assertProblem(t, await waiting, 503, 'draining')
  opens.resolve(undefined)
  t.equal(server.slotsTaken, 0)
  server.av.before = () => Promise.resolve()
  t.equal((await server.post('av', CHROMIUM)).status, 201)
})

t.test('a drain lets probes in, and does not wait for them', async t => {
  const server = await WhepServer.start(t)
  const probe = () => server.post('av', CHROMIUM, { 'Dragonfork-Probe': '1' })
  t.equal((await probe()).status, 201)
  const { viewers_left } = await statusOf(await put(server, { drain: true }))
  t.equal(viewers_left, 0)
  t.equal((await probe()).status, 201, 'its alert must not fire')
  await server.drain.finish(60_000, new AbortController().signal)
  t.equal(server.probes.of('av').length, 2)
  t.equal(server.observations.count('whep_requests_total'), 0)
})

t.test('a repeated PUT changes nothing', async t => {
  const clock = new FakeClock()
  const server = await WhepServer.start(t, { clock })
  const once = await statusOf(
    await put(server, { drain: true }, '?end_after=9'),
  )
  clock.advance(5_000)
  const again = await put(server, { drain: true }, '?end_after=9')
  t.same(await statusOf(again), once)
  const idle = await statusOf(await put(server, { drain: false }))
  t.same(idle, {
    draining: false,
    since: null,
    viewers_left: 0,
    end_after: null,
    ends_at: null,
  })
  t.same(await statusOf(await put(server, { drain: false })), idle)
})

t.test('end_after ends the viewers that are left, once', async t => {
  const clock = new FakeClock()
  const server = await WhepServer.start(t, { clock })
  const post = async () => locationOf(await server.post('av', CHROMIUM))
  const first = await post()
  const status = await statusOf(
    await put(server, { drain: true }, '?end_after=60'),
  )
  t.equal(status.end_after, 60)
  t.equal((status.ends_at ?? 0) - (status.since ?? 0), 60)
  for (const transport of server.av.transports) transport.become('connected')
  clock.advance(59_999)
  t.equal((await server.request(first)).status, 200)
  clock.advance(1)
  const gone = await server.request(first)
  const body = await assertProblem(t, gone, 404, 'session-ended')
  t.equal(body['reason'], 'shutdown')
  t.equal(server.slotsTaken, 0)
  t.equal((await server.post('av', CHROMIUM)).status, 503, 'it still drains')
  t.equal(server.observations.count('ice_failures_total'), 0)
})

t.test('another end_after counts from its request', async t => {
  const clock = new FakeClock()
  const server = await WhepServer.start(t, { clock })
  const session = locationOf(await server.post('av', CHROMIUM))
  for (const transport of server.av.transports) transport.become('connected')
  await put(server, { drain: true }, '?end_after=10')
  clock.advance(9_000)
  await put(server, { drain: true }, '?end_after=20')
  clock.advance(19_999)
  t.equal((await server.request(session)).status, 200)
  // Without end_after, viewers stay until they leave.
  await put(server, { drain: true })
  clock.advance(86_400_000)
  t.equal((await server.request(session)).status, 200)
  await put(server, { drain: true }, '?end_after=0')
  clock.advance(0)
  t.equal((await server.request(session)).status, 404)
})

t.test('the end of a drain cancels end_after', async t => {
  const clock = new FakeClock()
  const server = await WhepServer.start(t, { clock })
  const session = locationOf(await server.post('av', CHROMIUM))
  for (const transport of server.av.transports) transport.become('connected')
  await put(server, { drain: true }, '?end_after=10')
  await put(server, { drain: false })
  clock.advance(60_000)
  t.equal((await server.request(session)).status, 200)
  t.equal((await server.post('av', CHROMIUM)).status, 201)
})

const BAD: readonly (readonly [unknown, string, string])[] = [
  [{}, '', 'drain'],
  [{ drain: 'true' }, '', 'drain'],
  [{ drain: null }, '', 'drain'],
  [[], '', 'drain'],
  ['null', '', 'drain'],
  [{ drain: true, end_after: 5 }, '', 'end_after'],
  [{ drain: true }, '?end_after=', 'end_after'],
  [{ drain: true }, '?end_after=-1', 'end_after'],
  [{ drain: true }, '?end_after=1.5', 'end_after'],
  [{ drain: true }, '?end_after=86401', 'end_after'],
  [{ drain: true }, '?end_after=1&end_after=2', 'end_after'],
  [{ drain: false }, '?end_after=5', 'end_after'],
]

t.test('a bad PUT gets a 400 that names the field', async t => {
  const server = await WhepServer.start(t)
  for (const [body, query, field] of BAD) {
    const response = await put(server, body, query)
    const problem = await assertNoCorsProblem(t, response, 400, 'invalid-drain')
    t.match(problem, { fields: [{ field, message: /^expected / }] })
    t.ok(problem.detail.startsWith(`${field}: expected `))
  }
  await assertNoCorsProblem(t, await put(server, '{'), 400, 'not-json')
  t.equal(server.drain.draining, false)
})

t.test('only an admin reads and changes the drain', async t => {
  const server = await WhepServer.start(t, { config: { apiToken: 'secret' } })
  t.equal((await server.request(PATH)).status, 401)
  t.equal((await put(server, { drain: true })).status, 401)
  t.equal(server.drain.draining, false)
  const headers = { Authorization: 'Bearer secret' }
  t.equal((await put(server, { drain: true }, '', headers)).status, 200)
  t.equal((await server.request(PATH, { method: 'POST', headers })).status, 405)
})

t.test('finish() waits for the last viewer, at most its timeout', async t => {
  const clock = new FakeClock()
  const server = await WhepServer.start(t, { clock })
  const never = new AbortController().signal
  await server.drain.finish(0, never)
  t.equal(server.drain.draining, false, 'without a timeout it does nothing')
  const session = locationOf(await server.post('av', CHROMIUM))
  const second = new AbortController()
  const interrupted = server.drain.finish(60_000, second.signal)
  const refused = await put(server, { drain: false })
  await assertNoCorsProblem(t, refused, 503, 'shutting-down')
  second.abort()
  await interrupted
  t.equal(server.slotsTaken, 1, 'a second signal leaves the viewer to close()')
  const late = server.drain.finish(60_000, never)
  clock.advance(60_000)
  await late
  const left = server.drain.finish(60_000, never)
  await server.request(session, { method: 'DELETE' })
  await left
  await server.drain.finish(60_000, never)
  t.equal(clock.pending, 0, 'no timer is left')
})
