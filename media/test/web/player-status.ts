import t from 'tap'
import { assertNoCorsProblem } from '../whep/fixtures/assertions.ts'
import { WhepServer } from '../whep/fixtures/whep-server.ts'

t.test('player status has only the state of a stream', async t => {
  const server = await WhepServer.start(t)
  const response = await server.request('/player/av/status')
  t.equal(response.status, 200)
  t.equal(response.headers.get('Cache-Control'), 'no-store')
  t.match(response.headers.get('Content-Type'), /^application\/json/)
  t.strictSame(await response.json(), {
    state: 'live',
    degraded: false,
    legs: { video: { state: 'live' }, audio: { state: 'live' } },
  })
  server.audio.live = false
  server.audio.fault = 'audio: no RTP arrives'
  const other = await server.request('/player/audio/status')
  t.strictSame(await other.json(), {
    state: 'starting',
    degraded: true,
    degraded_reason: 'audio: no RTP arrives',
    legs: { audio: { state: 'starting' } },
  })
})

t.test('player status of an unknown stream gets 404', async t => {
  const server = await WhepServer.start(t)
  for (const path of ['/player/nobody/status', '/player/constructor/status']) {
    const response = await server.request(path)
    t.equal(response.headers.get('Cache-Control'), 'no-store')
    await assertNoCorsProblem(t, response, 404, 'stream-unknown')
  }
})

t.test('with a viewer token set, player status requires it', async t => {
  const server = await WhepServer.start(t, { config: { whepToken: 'secret' } })
  const ask = (path: string, token?: string) =>
    server.request(path, {
      headers: token === undefined ? {} : { Authorization: `Bearer ${token}` },
    })
  const missing = await ask('/player/av/status')
  t.equal(missing.headers.get('WWW-Authenticate'), 'Bearer realm="whep"')
  await assertNoCorsProblem(t, missing, 401, 'token-missing')
  const wrong = await ask('/player/av/status', 'a-guess')
  t.match(wrong.headers.get('WWW-Authenticate'), 'error="invalid_token"')
  await assertNoCorsProblem(t, wrong, 401, 'token-wrong')
  const unknown = await ask('/player/nobody/status')
  t.equal(
    unknown.status,
    401,
    'the response does not reveal which streams exist',
  )
  t.equal((await ask('/player/av/status', 'secret')).status, 200)
  t.equal((await ask('/player/nobody/status', 'secret')).status, 404)
})

t.test('player status answers GET and HEAD only', async t => {
  const server = await WhepServer.start(t)
  for (const method of ['POST', 'PUT', 'PATCH', 'DELETE']) {
    const response = await server.request('/player/av/status', { method })
    const allow = response.headers.get('Allow')?.split(', ').toSorted()
    t.strictSame(allow, ['GET', 'HEAD'])
    await assertNoCorsProblem(t, response, 405, 'method-not-allowed')
  }
  const head = await server.request('/player/av/status', { method: 'HEAD' })
  t.equal(head.status, 200)
  t.equal(await head.text(), '')
})

t.test('player status works under a base path, stripped or not', async t => {
  const server = await WhepServer.start(t, {
    config: { publicBasePath: '/live' },
  })
  for (const path of ['/live/player/av/status', '/player/av/status']) {
    t.equal((await server.request(path)).status, 200, path)
  }
})
