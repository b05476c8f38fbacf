/**
 * GET, HEAD, OPTIONS and other methods: rows M28, M29, M31, M33, S1, S2, S5,
 * S8 and S11 of media/whep/REQUIREMENTS.md.
 */
import t from 'tap'
import {
  assertProblem,
  locationOf,
  type ProblemBody,
} from './fixtures/assertions.ts'
import { CHROMIUM, fragmentOf } from './fixtures/offers.ts'
import { WhepServer } from './fixtures/whep-server.ts'

const SAME = fragmentOf(CHROMIUM)
const DELETE = { method: 'DELETE' }

// fetch closes the connection after HEAD, which changes these headers.
const HOP = new Set(['connection', 'date', 'keep-alive'])

t.test('HEAD answers with the headers of GET (S1)', async t => {
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
  t.equal(server.observations.all.length, 0, 'GET and HEAD are not counted')
})

t.test('GET answers 200 with an empty body (M28)', async t => {
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

t.test('OPTIONS preflight answers 200 without a token (M29)', async t => {
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

t.test(
  'a URL with a trailing slash is served without a redirect (M31)',
  async t => {
    const server = await WhepServer.start(t)
    const response = await server.post('av/', CHROMIUM)
    t.equal(response.status, 201)
    t.equal(response.redirected, false)
    const session = `${locationOf(response)}/`
    t.equal((await server.request(session, DELETE)).status, 204)
    t.equal(server.sessions.of('av').length, 0)
  },
)

t.test('PATCH for trickle or restart never answers 422 (M33)', async t => {
  const server = await WhepServer.start(t)
  const path = locationOf(await server.post('av', CHROMIUM))
  const restart = fragmentOf(CHROMIUM, { ufrag: 'new', pwd: 'n'.repeat(22) })
  for (const body of [SAME, restart]) {
    const response = await server.patch(path, body, { 'If-Match': '*' })
    t.ok([200, 204].includes(response.status))
  }
})

for (const headers of [{}, { Origin: 'https://player.example' }]) {
  const how = 'Origin' in headers ? 'with' : 'without'
  t.test(`OPTIONS ${how} Origin answers 200 with Accept-Post (S2)`, async t => {
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

t.test('errors are problem+json, and HEAD has no body (S5)', async t => {
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

t.test('other methods answer 405 with Allow (S8)', async t => {
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

t.test('responses allow any origin without reflecting it (S11)', async t => {
  const server = await WhepServer.start(t)
  const response = await server.post('av', CHROMIUM, {
    Origin: 'https://player.example',
  })
  t.equal(response.headers.get('Access-Control-Allow-Origin'), '*')
  t.equal(response.headers.get('Access-Control-Allow-Credentials'), null)
})
