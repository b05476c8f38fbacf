import { connect } from 'node:net'
import t from 'tap'
import { assertNoCorsProblem, locationOf } from '../whep/fixtures/assertions.ts'
import { CHROMIUM } from '../whep/fixtures/offers.ts'
import { WhepServer } from '../whep/fixtures/whep-server.ts'
import { rawStatus } from './fixtures/raw-request.ts'

const STREAMS = '/api/v3/webrtc/streams'

t.test(
  'GET streams lists all streams with their number of viewers',
  async t => {
    const server = await WhepServer.start(t)
    await server.post('av', CHROMIUM)
    await server.post('av', CHROMIUM)
    const response = await server.request(STREAMS)
    t.equal(response.status, 200)
    t.match(response.headers.get('Content-Type'), /^application\/json/)
    t.match(await response.json(), [
      {
        id: 'av',
        state: 'live',
        degraded: false,
        peers: 2,
        legs: {},
        started_at: Number,
      },
      { id: 'video', peers: 0 },
      { id: 'audio', peers: 0 },
      { id: 'vp8', peers: 0 },
    ])
  },
)

t.test('GET peers lists the viewers of a stream', async t => {
  const server = await WhepServer.start(t)
  const path = locationOf(
    await server.post('av', CHROMIUM, { 'User-Agent': 'player/1' }),
  )
  const peers = async () => {
    const response = await server.request(`${STREAMS}/av/peers`)
    return response.json()
  }
  const offered = {
    id: path.split('/').at(-1),
    state: 'offered',
    created_at: Number,
    connected_at: null,
    user_agent: 'player/1',
    remote_address: null,
    codecs: { video: 'h264', audio: 'opus' },
  }
  t.match(await peers(), [offered])
  server.av.last.remoteAddress = '192.0.2.20'
  server.av.last.become('connected')
  t.match(await peers(), [
    {
      ...offered,
      state: 'connected',
      connected_at: Number,
      remote_address: '192.0.2.20',
    },
  ])
})

t.test('DELETE of a peer ends its session; the second answers 404', async t => {
  const server = await WhepServer.start(t)
  const path = locationOf(await server.post('av', CHROMIUM))
  const peer = `${STREAMS}/av/peers/${path.split('/').at(-1) ?? ''}`
  const kick = () => server.request(peer, { method: 'DELETE' })
  t.equal((await kick()).status, 204)
  t.equal(server.av.last.closed, true)
  await assertNoCorsProblem(t, await kick(), 404, 'peer-unknown')
  const others = peer.replace('/av/', '/video/')
  const other = await server.request(others, { method: 'DELETE' })
  await assertNoCorsProblem(t, other, 404, 'peer-unknown')
})

t.test(
  'the admin API answers 404 for unknown streams, 405 for other methods',
  async t => {
    const server = await WhepServer.start(t)
    const peers = await server.request(`${STREAMS}/nobody/peers`)
    await assertNoCorsProblem(t, peers, 404, 'stream-unknown')
    const kick = await server.request(`${STREAMS}/nobody/peers/x`, {
      method: 'DELETE',
    })
    await assertNoCorsProblem(t, kick, 404, 'stream-unknown')
    const put = await server.request(STREAMS, { method: 'PUT' })
    await assertNoCorsProblem(t, put, 405, 'method-not-allowed')
    t.match(put.headers.get('Allow'), /GET/)
    const nowhere = await server.request('/api/v3/webrtc/nowhere')
    await assertNoCorsProblem(t, nowhere, 404, 'not-found')
  },
)

t.test('with CORE_API_TOKEN set, the admin API requires it', async t => {
  const server = await WhepServer.start(t, {
    config: { apiToken: 'admin', whepToken: 'viewer' },
  })
  const get = (headers: Record<string, string>) =>
    server.request(STREAMS, { headers })
  const missing = await get({})
  t.match(missing.headers.get('WWW-Authenticate'), /^Bearer /)
  await assertNoCorsProblem(t, missing, 401, 'token-missing')
  for (const token of ['viewer', 'Admin', 'admin2', '']) {
    const wrong = await get({ Authorization: `Bearer ${token}` })
    await assertNoCorsProblem(t, wrong, 401, 'token-wrong')
  }
  t.equal((await get({ Authorization: 'bearer admin' })).status, 200)
  const proxied = {
    Authorization: 'Bearer admin',
    'X-Forwarded-For': '1.2.3.4',
  }
  t.equal((await get(proxied)).status, 200)
})

t.test('without CORE_API_TOKEN, no header makes a client local', async t => {
  const server = await WhepServer.start(t)
  t.equal(await rawStatus(new URL(STREAMS, server.base), {}), 200)
  const { host, port } = server.base
  for (const Host of [
    `localhost:${port}`,
    `[::1]:${port}`,
    `[::ffff:127.0.0.1]:${port}`,
    `[::ffff:7f00:1]:${port}`,
  ]) {
    t.equal(await rawStatus(new URL(STREAMS, server.base), { Host }), 200, Host)
  }
  const refused: readonly Record<string, string>[] = [
    { 'X-Forwarded-For': '127.0.0.1' },
    { Forwarded: 'for=127.0.0.1' },
    { 'X-Real-IP': '127.0.0.1' },
    { Via: '1.1 proxy' },
    { Host: 'rebound.example' },
    { Host: 'localhost.example:80' },
    { Host: '[::ffff:10.0.0.1]' },
    { Origin: 'https://evil.example' },
    { Origin: 'null' },
    { Origin: 'http://127.0.0.1:1' },
  ]
  for (const headers of refused) {
    const status = await rawStatus(new URL(STREAMS, server.base), headers)
    t.equal(status, 403, JSON.stringify(headers))
  }
  t.equal(
    await rawStatus(new URL(STREAMS, server.base), {
      Origin: `http://${host}`,
    }),
    200,
    'a page of this server has access',
  )
  for (const path of [
    '/API/V3/WebRTC/streams',
    `${STREAMS}/`,
    `${STREAMS}/av/peers`,
    STREAMS.replace('streams', '%73treams'),
  ]) {
    const status = await rawStatus(new URL(path, server.base), { Via: '1.1 x' })
    t.ok(status === 403 || status === 404, path)
  }
})

t.test(
  'without CORE_API_TOKEN, a client of another address gets 403',
  async t => {
    const address = await otherAddress()
    if (address === undefined) {
      t.comment('this machine has no address but loopback')
      return
    }
    const server = await WhepServer.start(t, { host: '0.0.0.0' })
    const url = new URL(STREAMS, server.base)
    url.hostname = address
    const response = await fetch(url)
    await assertNoCorsProblem(t, response, 403, 'admin-local-only')
    const page = await fetch(new URL('/', url))
    t.equal(page.status, 200, 'the pages are public')
    await page.arrayBuffer()
  },
)

/** An address of this machine that is not loopback. */
async function otherAddress(): Promise<string | undefined> {
  const { networkInterfaces } = await import('node:os')
  return Object.values(networkInterfaces())
    .flatMap(each => each ?? [])
    .find(({ internal, family }) => !internal && family === 'IPv4')?.address
}

t.test('close() ends a connection with an incomplete request', async t => {
  const server = await WhepServer.start(t)
  const idle = connect(Number(server.base.port), '127.0.0.1')
  const closed = Promise.withResolvers<undefined>()
  idle.once('close', () => {
    closed.resolve(undefined)
  })
  idle.write('POST /api/v3/whep/av HTTP/1.1\r\nHost: x\r\n')
  await server.request('/ping')
  await server.close()
  await closed.promise
  t.pass('the connection was closed')
})
