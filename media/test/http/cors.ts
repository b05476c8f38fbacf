/** CORS with an allow-list, and private network access (rows S13 and S14). */
import { connect } from 'node:net'
import { text } from 'node:stream/consumers'
import t from 'tap'
import { CHROMIUM } from '../whep/fixtures/offers.ts'
import { WhepServer } from '../whep/fixtures/whep-server.ts'

const ALLOWED = 'https://player.example'
const OTHER = 'https://other.example'
const allowOrigins = [ALLOWED, 'http://tv.example:8000']

/** The CORS headers of a response. */
function corsHeaders({ headers }: Response): readonly string[] {
  return [...headers.keys()].filter(name => name.startsWith('access-control-'))
}

t.test('an allowed origin is named in every response', async t => {
  const server = await WhepServer.start(t, { config: { allowOrigins } })
  for (const Origin of allowOrigins) {
    const responses = {
      '201': await server.post('av', CHROMIUM, { Origin }),
      '404 of a stream': await server.post('nobody', CHROMIUM, { Origin }),
      '404 of a path': await server.request('/nothing', {
        headers: { Origin },
      }),
      preflight: await server.request('/api/v3/whep/av', {
        method: 'OPTIONS',
        headers: { Origin, 'Access-Control-Request-Method': 'POST' },
      }),
    }
    for (const [what, response] of Object.entries(responses)) {
      const { headers } = response
      t.equal(headers.get('Access-Control-Allow-Origin'), Origin, what)
      t.match(headers.get('Vary'), 'Origin', `${what} varies by origin`)
      t.match(headers.get('Access-Control-Expose-Headers'), 'ETag')
    }
  }
  t.same(
    server.logged.filter(({ message }) => message === 'origin is not allowed'),
    [],
  )
})

t.test('another origin gets no CORS headers and is logged once', async t => {
  const server = await WhepServer.start(t, { config: { allowOrigins } })
  for (const Origin of [OTHER, OTHER, 'null', `${ALLOWED}.evil.example`]) {
    const preflight = await server.request('/api/v3/whep/av', {
      method: 'OPTIONS',
      headers: {
        Origin,
        'Access-Control-Request-Method': 'POST',
        'Access-Control-Request-Private-Network': 'true',
      },
    })
    t.same(corsHeaders(preflight), [], `preflight from ${Origin}`)
    const response = await server.post('nobody', CHROMIUM, { Origin })
    t.same(corsHeaders(response), [], `error for ${Origin}`)
    t.equal(response.headers.get('Vary'), 'Origin')
  }
  t.same(
    server.logged
      .filter(({ message }) => message === 'origin is not allowed')
      .map(({ origin }) => origin),
    [OTHER, 'null', `${ALLOWED}.evil.example`],
  )
})

t.test('a client without Origin is served', async t => {
  const server = await WhepServer.start(t, { config: { allowOrigins } })
  const response = await server.post('av', CHROMIUM)
  t.equal(response.status, 201)
  t.same(corsHeaders(response), [])
})

t.test('at most 100 origins are logged, each cut to 200', async t => {
  const server = await WhepServer.start(t, { config: { allowOrigins } })
  for (let at = 0; at < 110; at++) {
    await server.request('/api/v3/whep/av', {
      method: 'OPTIONS',
      headers: { Origin: `https://${at}.${'x'.repeat(300)}.example` },
    })
  }
  const logged = server.logged.map(({ origin }) => String(origin))
  t.equal(logged.length, 100)
  t.ok(logged.every(origin => origin.length === 200))
})

t.test('an unparsable request gets no CORS headers', async t => {
  const server = await WhepServer.start(t, { config: { allowOrigins } })
  const socket = connect(Number(server.base.port), '127.0.0.1')
  socket.write('hello\r\n\r\n')
  const answer = await text(socket)
  t.match(answer, /^HTTP\/1\.1 400 /)
  t.notMatch(answer, /Access-Control/)
})

t.test('a preflight gets private network access if it asks', async t => {
  for (const config of [{}, { allowOrigins }]) {
    const server = await WhepServer.start(t, { config })
    const preflight = (headers: Readonly<Record<string, string>>) =>
      server.request('/api/v3/whep/av', {
        method: 'OPTIONS',
        headers: { Origin: ALLOWED, ...headers },
      })
    const name = 'Access-Control-Allow-Private-Network'
    const requested = await preflight({
      'Access-Control-Request-Private-Network': 'true',
    })
    t.equal(requested.headers.get(name), 'true')
    t.equal((await preflight({})).headers.get(name), null)
  }
})
