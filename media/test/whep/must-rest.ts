/** Rows M25 to M37: DELETE, discovery, tokens, refusals and the end. */
import t from 'tap'
import { StreamError } from '../../router/viewer.ts'
import {
  assertProblem,
  locationOf,
  type ProblemBody,
} from './fixtures/assertions.ts'
import { FakeClock } from '../fixtures/fake-clock.ts'
import { CHROMIUM, fragmentOf, without } from './fixtures/offers.ts'
import { WhepServer } from './fixtures/whep-server.ts'

const SAME = fragmentOf(CHROMIUM)
const DELETE = { method: 'DELETE' }

t.test('M25: DELETE is 204 and gives everything back', async t => {
  const server = await WhepServer.start(t)
  const path = locationOf(await server.post('av', CHROMIUM))
  t.equal(server.sessions.of('av').length, 1)
  const response = await server.request(path, {
    ...DELETE,
    headers: { 'If-Match': '"whatever"' },
  })
  t.equal(response.status, 204)
  t.equal(await response.text(), '')
  t.equal(server.av.last.closed, true)
  t.equal(server.sessions.slotsTaken, 0)
  t.equal(server.sessions.of('av').length, 0)
})

t.test('M26: DELETE of what is not there is 204', async t => {
  const server = await WhepServer.start(t)
  const path = locationOf(await server.post('av', CHROMIUM))
  const gone = `/api/v3/whep/av/${'x'.repeat(32)}`
  for (const each of [path, path, gone, '/api/v3/whep/av/x']) {
    t.equal((await server.request(each, DELETE)).status, 204)
  }
  server.streams.byId.delete('av')
  t.equal((await server.request(path, DELETE)).status, 204)
})

t.test('M27: PATCH after DELETE is 404', async t => {
  const server = await WhepServer.start(t)
  const path = locationOf(await server.post('av', CHROMIUM))
  await server.request(path, DELETE)
  const response = await server.patch(path, SAME, { 'If-Match': '*' })
  await assertProblem(t, response, 404, 'session-ended')
})

t.test('M28: GET is 200 and empty', async t => {
  const server = await WhepServer.start(t)
  const path = locationOf(await server.post('av', CHROMIUM))
  for (const each of ['/api/v3/whep/av', path]) {
    const response = await server.request(each)
    t.equal(response.status, 200)
    t.equal(response.headers.get('Content-Type'), 'application/sdp')
    t.equal(response.headers.get('Content-Length'), '0')
    t.equal(await response.text(), '')
  }
})

t.test('M29: a preflight needs no token', async t => {
  const server = await WhepServer.start(t, { config: { whepToken: 'secret' } })
  for (const path of ['/api/v3/whep/av', '/api/v3/whep/av/session']) {
    const response = await server.request(path, {
      method: 'OPTIONS',
      headers: {
        Origin: 'https://player.example',
        'Access-Control-Request-Method': 'PATCH',
        'Access-Control-Request-Headers': 'authorization,if-match',
      },
    })
    t.equal(response.status, 200)
    t.equal(response.headers.get('Access-Control-Allow-Origin'), '*')
    const listed = (name: string) =>
      (response.headers.get(name) ?? '').split(', ')
    for (const verb of ['POST', 'PATCH', 'DELETE', 'GET', 'HEAD', 'OPTIONS']) {
      t.ok(listed('Access-Control-Allow-Methods').includes(verb), verb)
    }
    for (const name of ['Authorization', 'Content-Type', 'If-Match']) {
      t.ok(listed('Access-Control-Allow-Headers').includes(name), name)
    }
    t.notOk(listed('Access-Control-Allow-Headers').includes('*'))
  }
})

t.test('M30: a token that is missing or wrong is 401', async t => {
  const server = await WhepServer.start(t, { config: { whepToken: 'secret' } })
  const right = await server.post('av', CHROMIUM, {
    Authorization: 'bEaReR secret',
  })
  t.equal(right.status, 201)
  const session = locationOf(right)
  const wrong = { Authorization: 'Bearer wrong' }
  const basic = { Authorization: 'Basic c2VjcmV0' }
  const refused = [
    await server.post('av', CHROMIUM),
    await server.post('av', CHROMIUM, wrong),
    await server.post('av', CHROMIUM, basic),
    await server.patch(session, SAME, wrong),
    await server.request(session, { ...DELETE, headers: wrong }),
    await server.request('/api/v3/whep/av'),
    await server.request('/api/v3/whep/av', { headers: wrong }),
    await server.request(session, { headers: wrong }),
  ]
  for (const response of refused) {
    t.match(response.headers.get('WWW-Authenticate'), /^Bearer /)
    const { type } = (await response.clone().json()) as ProblemBody
    const missing = type.endsWith('token-missing')
    await assertProblem(
      t,
      response,
      401,
      missing ? 'token-missing' : 'token-wrong',
    )
  }
  t.equal(server.sessions.of('av').length, 1)
})

t.test('M31: a trailing slash is served, not redirected', async t => {
  const server = await WhepServer.start(t)
  const response = await server.post('av/', CHROMIUM)
  t.equal(response.status, 201)
  t.equal(response.redirected, false)
  const session = `${locationOf(response)}/`
  t.equal((await server.request(session, DELETE)).status, 204)
  t.equal(server.sessions.of('av').length, 0)
})

t.test('M32: no Link without extensions or ICE servers', async t => {
  const server = await WhepServer.start(t)
  const response = await server.post('av', CHROMIUM)
  t.equal(response.headers.get('Link'), null)
})

t.test('M33: 422 is never said', async t => {
  const server = await WhepServer.start(t)
  const path = locationOf(await server.post('av', CHROMIUM))
  const restart = fragmentOf(CHROMIUM, { ufrag: 'new', pwd: 'n'.repeat(22) })
  for (const body of [SAME, restart]) {
    const response = await server.patch(path, body, { 'If-Match': '*' })
    t.ok([200, 204].includes(response.status))
  }
})

const MISMATCHES = [
  { stream: 'av', without: /H264/, kinds: ['video'] },
  { stream: 'av', without: /opus/, kinds: ['audio'] },
  { stream: 'av', without: /H264|opus/, kinds: ['video', 'audio'] },
  { stream: 'av', without: /packetization-mode=1/, kinds: ['video'] },
  { stream: 'vp8', without: /VP8/, kinds: ['video'] },
] as const

for (const { stream, without: pattern, kinds } of MISMATCHES) {
  t.test(`M34: ${stream} without ${pattern.source} is 406`, async t => {
    const server = await WhepServer.start(t)
    const response = await server.post(stream, without(CHROMIUM, pattern))
    const body = await assertProblem(t, response, 406, 'codec-mismatch')
    t.equal(body['kind'], kinds[0])
    t.same(body['kinds'], kinds)
    for (const kind of ['video', 'audio'] as const) {
      t.equal(
        server.observations.count('codec_mismatches_total', {
          stream_id: stream,
          kind,
        }),
        kinds.some(each => each === kind) ? 1 : 0,
      )
    }
    t.equal(server.sessions.slotsTaken, 0)
  })
}

t.test('M34: no kind in common is 406 for the first offered', async t => {
  const server = await WhepServer.start(t)
  const videoOnly = without(CHROMIUM, /^$/).replace(/m=audio[^]*$/, '')
  const offer = videoOnly.replace('BUNDLE 0 1', 'BUNDLE 0')
  const response = await server.post('audio', offer)
  const body = await assertProblem(t, response, 406, 'codec-mismatch')
  t.equal(body['kind'], 'video')
})

t.test('M35: the stream cap, then the global cap', async t => {
  const server = await WhepServer.start(t, { caps: { total: 3, perStream: 2 } })
  const post = () => server.post('av', CHROMIUM)
  await post()
  await post()
  const full = await post()
  const body = await assertProblem(t, full, 503, 'cap-reached')
  t.match(body, { scope: 'stream', limit: 2 })
  t.match(full.headers.get('Retry-After'), /^[1-9]$/)
  t.equal((await server.post('video', CHROMIUM)).status, 201)
  const both = await assertProblem(t, await post(), 503, 'cap-reached')
  t.match(both, { scope: 'global', limit: 3 })
  for (const scope of ['stream', 'global']) {
    const labels = { stream_id: 'av', scope }
    t.equal(server.observations.count('cap_rejections_total', labels), 1)
  }
})

t.test('M35: an empty port pool is 503 and no cap', async t => {
  const server = await WhepServer.start(t)
  server.av.before = () => Promise.reject(new StreamError('ports', 'none'))
  const response = await server.post('av', CHROMIUM)
  const body = await assertProblem(t, response, 503, 'ports-exhausted')
  t.equal(body['scope'], 'ports')
  t.ok(response.headers.get('Retry-After'))
  t.equal(server.observations.count('cap_rejections_total'), 0)
  t.equal(server.sessions.slotsTaken, 0)
})

t.test('M35: too many payload-type layouts are 503, not ports', async t => {
  const server = await WhepServer.start(t)
  server.av.before = () => Promise.reject(new StreamError('layouts', 'none'))
  const response = await server.post('av', CHROMIUM)
  const body = await assertProblem(t, response, 503, 'layouts-exhausted')
  t.equal(body['scope'], undefined)
  t.ok(response.headers.get('Retry-After'))
  t.equal(server.sessions.slotsTaken, 0)
})

t.test('M36: a worker that does not answer is 504', async t => {
  const clock = new FakeClock()
  const server = await WhepServer.start(t, { clock })
  const asked = Promise.withResolvers<undefined>()
  const thaw = Promise.withResolvers<undefined>()
  server.av.before = () => {
    asked.resolve(undefined)
    return thaw.promise
  }
  const posting = server.post('av', CHROMIUM)
  await asked.promise
  t.equal(server.sessions.slotsTaken, 1)
  clock.advance(5_000)
  await assertProblem(t, await posting, 504, 'worker-timeout')
  t.equal(server.sessions.slotsTaken, 0)
  const labels = { stream_id: 'av', reason: 'timeout' }
  t.equal(server.observations.count('ice_failures_total', labels), 1)
  t.equal(server.observations.count('ice_establishment_duration_seconds'), 0)
  t.equal(server.observations.count('whep_requests_total', { code: '504' }), 1)
  thaw.resolve(undefined)
  await thaw.promise
  t.equal(server.av.open, 0)
  t.equal(clock.pending, 0)
})

t.test('M37: when the server ends a session, its transport closes', async t => {
  const server = await WhepServer.start(t)
  const path = locationOf(await server.post('av', CHROMIUM))
  const peer = path.split('/').at(-1) ?? ''
  const kicked = await server.request(
    `/api/v3/webrtc/streams/av/peers/${peer}`,
    DELETE,
  )
  t.equal(kicked.status, 204)
  t.equal(server.av.last.closed, true)
  const response = await server.patch(path, SAME, { 'If-Match': '*' })
  await assertProblem(t, response, 404, 'session-ended')
})
