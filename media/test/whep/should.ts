/** Rows S1 to S12. */
import { request } from 'node:http'
import t from 'tap'
import {
  answerOf,
  assertProblem,
  locationOf,
  type ProblemBody,
} from './fixtures/assertions.ts'
import { FakeClock } from '../fixtures/fake-clock.ts'
import { CHROMIUM, fragmentOf } from './fixtures/offers.ts'
import { WhepServer } from './fixtures/whep-server.ts'

// fetch closes the connection after HEAD, which shows in these.
const HOP = new Set(['connection', 'date', 'keep-alive'])

t.test('S1: HEAD is as GET', async t => {
  const server = await WhepServer.start(t)
  const get = await server.request('/api/v3/whep/av')
  const head = await server.request('/api/v3/whep/av', { method: 'HEAD' })
  t.equal(head.status, 200)
  const headers = (response: Response) =>
    [...response.headers].filter(([name]) => !HOP.has(name))
  t.same(headers(head), headers(get))
  t.equal(head.headers.get('Content-Length'), '0')
  const unknown = await server.request('/api/v3/whep/no', { method: 'HEAD' })
  t.equal(unknown.status, 404)
  t.equal(await unknown.text(), '')
  t.equal(server.observations.all.length, 0, 'neither is counted')
})

for (const headers of [{}, { Origin: 'https://player.example' }]) {
  const how = 'Origin' in headers ? 'with' : 'without'
  t.test(`S2: OPTIONS ${how} Origin is 200 with Accept-Post`, async t => {
    const server = await WhepServer.start(t)
    const response = await server.request('/api/v3/whep/av', {
      method: 'OPTIONS',
      headers,
    })
    t.equal(response.status, 200)
    t.equal(response.headers.get('Accept-Post'), 'application/sdp')
    t.equal(server.observations.all.length, 0)
  })
}

t.test('S3: session ids are long, URL-safe and never the same', async t => {
  const server = await WhepServer.start(t)
  const ids = new Set<string>()
  for (let i = 0; i < 1_000; i++) {
    const path = locationOf(await server.post('av', CHROMIUM))
    ids.add(path.split('/').at(-1) ?? '')
  }
  t.equal(ids.size, 1_000)
  for (const id of ids) {
    if (!/^[\w-]{22,}$/.test(id)) t.fail('an id is not URL-safe or too short')
  }
})

t.test('S4: a flood of POSTs is 429, until the share refills', async t => {
  const clock = new FakeClock()
  const server = await WhepServer.start(t, {
    clock,
    config: { postsPerMinute: 2 },
  })
  const post = () => server.post('av', CHROMIUM)
  t.same([(await post()).status, (await post()).status], [201, 201])
  const response = await post()
  await assertProblem(t, response, 429, 'too-many-posts')
  t.equal(response.headers.get('Retry-After'), '30')
  clock.advance(30_000)
  t.equal((await post()).status, 201)
  t.equal((await post()).status, 429)
  t.equal(server.observations.count('whep_requests_total', { code: '429' }), 2)
})

t.test('S5: every error is problem+json, on HEAD without body', async t => {
  const server = await WhepServer.start(t)
  for (const path of ['/nowhere', '/api/v3/whep/no', '/api/v3/whep/av/no']) {
    const response = await server.request(path)
    t.equal(response.status, 404)
    t.equal(response.headers.get('Content-Type'), 'application/problem+json')
    const body = (await response.json()) as ProblemBody
    t.match(body, { type: /^urn:/, title: /./, status: 404, detail: /./ })
    const head = await server.request(path, { method: 'HEAD' })
    t.equal(head.status, 404)
    t.equal(await head.text(), '')
  }
})

t.test('S7: one Link line an ICE server, on 201 and OPTIONS', async t => {
  const server = await WhepServer.start(t, {
    config: {
      whepToken: 'secret',
      iceServers: [
        { url: 'stun:stun.example:3478' },
        {
          url: 'turn:turn.example:3478?transport=udp',
          credentials: { username: 'u', password: 'p"q' },
        },
      ],
    },
  })
  const stun = '<stun:stun.example:3478>; rel="ice-server"'
  const turn =
    '<turn:turn.example:3478?transport=udp>; rel="ice-server"; ' +
    'username="u"; credential="p\\"q"; credential-type="password"'
  const token = { Authorization: 'Bearer secret' }
  const links = (method: string, headers: Record<string, string>) => {
    const lines = Promise.withResolvers<readonly string[]>()
    const url = new URL('/api/v3/whep/av', server.base)
    request(url, { method, headers }, response => {
      response.resume()
      const { rawHeaders } = response
      lines.resolve(
        rawHeaders.filter(
          (_, i) => rawHeaders[i - 1]?.toLowerCase() === 'link',
        ),
      )
    }).end(method === 'POST' ? CHROMIUM : undefined)
    return lines.promise
  }
  const sdp = { 'Content-Type': 'application/sdp' }
  t.same(await links('POST', { ...sdp, ...token }), [stun, turn])
  t.same(await links('OPTIONS', token), [stun, turn])
  t.same(await links('OPTIONS', {}), [stun], 'credentials want the token')
})

t.test('S8: other verbs are 405 with Allow', async t => {
  const server = await WhepServer.start(t)
  const session = locationOf(await server.post('av', CHROMIUM))
  const endpoint = '/api/v3/whep/av'
  const cases = [
    { method: 'PUT', path: endpoint, allow: 'POST, GET, HEAD, OPTIONS' },
    { method: 'PATCH', path: endpoint, allow: 'POST, GET, HEAD, OPTIONS' },
    { method: 'DELETE', path: endpoint, allow: 'POST, GET, HEAD, OPTIONS' },
    {
      method: 'POST',
      path: session,
      allow: 'PATCH, DELETE, GET, HEAD, OPTIONS',
    },
    {
      method: 'PUT',
      path: session,
      allow: 'PATCH, DELETE, GET, HEAD, OPTIONS',
    },
  ]
  for (const { method, path, allow } of cases) {
    const response = await server.request(path, { method })
    await assertProblem(t, response, 405, 'method-not-allowed')
    t.equal(response.headers.get('Allow'), allow)
  }
})

t.test('S9: a body over 64 KiB is 413 and the connection lives', async t => {
  const server = await WhepServer.start(t)
  const session = locationOf(await server.post('av', CHROMIUM))
  const big = 'a'.repeat(64 * 1024 + 1)
  await assertProblem(t, await server.post('av', big), 413, 'body-too-large')
  const patched = await server.patch(session, big, { 'If-Match': '*' })
  await assertProblem(t, patched, 413, 'body-too-large')
  const streamed = await server.request('/api/v3/whep/av', {
    method: 'POST',
    headers: { 'Content-Type': 'application/sdp' },
    body: new Blob([big]).stream(),
    duplex: 'half',
  })
  await assertProblem(t, streamed, 413, 'body-too-large')
  const full = CHROMIUM + 'a=x:'.padEnd(64 * 1024 - CHROMIUM.length, 'y')
  t.equal((await server.post('av', full)).status, 201, 'the limit itself fits')
})

t.test("S10: a session under another stream's path is not touched", async t => {
  const server = await WhepServer.start(t)
  const path = locationOf(await server.post('av', CHROMIUM))
  const other = path.replace('/av/', '/video/')
  const patched = await server.patch(other, fragmentOf(CHROMIUM), {
    'If-Match': '*',
  })
  await assertProblem(t, patched, 404, 'session-unknown')
  const deleted = await server.request(other, { method: 'DELETE' })
  t.equal(deleted.status, 204)
  t.equal(server.av.last.closed, false)
})

t.test('S11: Origin is not reflected, so no Vary is needed', async t => {
  const server = await WhepServer.start(t)
  const response = await server.post('av', CHROMIUM, {
    Origin: 'https://player.example',
  })
  t.equal(response.headers.get('Access-Control-Allow-Origin'), '*')
  t.equal(response.headers.get('Access-Control-Allow-Credentials'), null)
})

t.test('S12: the session lines of an answer are sane', async t => {
  const server = await WhepServer.start(t)
  const one = await answerOf(await server.post('av', CHROMIUM))
  const two = await answerOf(await server.post('av', CHROMIUM))
  t.match(one.text, /^v=0\r\no=- \d+ 1 IN IP4 127\.0\.0\.1\r\ns=-\r\nt=0 0\r\n/)
  t.not(one.sdp.origin.sessionId, two.sdp.origin.sessionId)
  for (const section of one.sections)
    t.match(section, /^c=IN IP4 0\.0\.0\.0\r$/m)
})
