/** PATCH: rows M16 to M24 of media/whep/REQUIREMENTS.md. */
import t, { type Test } from 'tap'
import { StreamError } from '../../whep/stream-port.ts'
import { assertProblem, etagOf, locationOf } from './fixtures/assertions.ts'
import { CHROMIUM, fragmentOf } from './fixtures/offers.ts'
import { WhepServer, type WhepServerOptions } from './fixtures/whep-server.ts'

const SAME = fragmentOf(CHROMIUM)
const RESTART = fragmentOf(CHROMIUM, {
  ufrag: 'newU',
  pwd: 'new-password-of-22-chars',
})

async function opened(t: Test, options: WhepServerOptions = {}) {
  const server = await WhepServer.start(t, options)
  const response = await server.post('av', CHROMIUM)
  const path = locationOf(response)
  const etag = etagOf(response)
  const answer = await response.text()
  return { server, path, etag, answer }
}

t.test('PATCH of candidates answers 204 without ETag (M16)', async t => {
  const { server, path, etag } = await opened(t)
  const response = await server.patch(path, SAME, { 'If-Match': etag })
  t.equal(response.status, 204)
  t.equal(await response.text(), '')
  t.equal(response.headers.get('ETag'), null)
})

t.test('PATCH without If-Match answers 428 (M17)', async t => {
  const { server, path } = await opened(t)
  await assertProblem(t, await server.patch(path, SAME), 428, 'etag-missing')
  await assertProblem(t, await server.patch(path, RESTART), 428, 'etag-missing')
})

t.test(
  'lenient PATCH may omit If-Match for trickle, not for a restart (M17)',
  async t => {
    const { server, path } = await opened(t, { config: { strictEtag: false } })
    t.equal((await server.patch(path, SAME)).status, 204)
    await assertProblem(
      t,
      await server.patch(path, RESTART),
      428,
      'etag-missing',
    )
    const stale = await server.patch(path, SAME, { 'If-Match': '"stale"' })
    await assertProblem(t, stale, 412, 'etag-stale')
  },
)

for (const stale of ['"stale"', 'W/"weak"', 'no quotes', '"a", "b"']) {
  t.test(
    `PATCH with If-Match ${stale} answers 412, nothing changes (M18)`,
    async t => {
      const { server, path, etag } = await opened(t)
      const rejected = await server.patch(path, RESTART, { 'If-Match': stale })
      await assertProblem(t, rejected, 412, 'etag-stale')
      t.equal(server.av.last.restarts, 0)
      const taken = await server.patch(path, SAME, { 'If-Match': etag })
      t.equal(taken.status, 204)
    },
  )
}

t.test('PATCH with the current ETag marked weak answers 412 (M18)', async t => {
  const { server, path, etag } = await opened(t)
  const weak = await server.patch(path, SAME, { 'If-Match': `W/${etag}` })
  await assertProblem(t, weak, 412, 'etag-stale')
  const listed = await server.patch(path, SAME, { 'If-Match': `"x", ${etag}` })
  t.equal(listed.status, 204)
})

t.test('PATCH with new credentials restarts ICE (M19)', async t => {
  const { server, path, etag, answer } = await opened(t)
  const response = await server.patch(path, RESTART, { 'If-Match': '*' })
  t.equal(response.status, 200)
  t.equal(
    response.headers.get('Content-Type'),
    'application/trickle-ice-sdpfrag',
  )
  t.match(etagOf(response), /^"[^"]+"$/)
  t.not(etagOf(response), etag)
  const body = await response.text()
  t.match(body, /^a=ice-lite\r$/m)
  const options = /^a=ice-options:.*$/m
  t.equal(options.exec(body)?.[0], options.exec(answer)?.[0])
  t.match(body, /^m=video 9 UDP\/TLS\/RTP\/SAVPF \d+\r\na=mid:0\r$/m)
  const { usernameFragment, password } = server.av.last.iceParameters
  t.match(body, `a=ice-ufrag:${usernameFragment}\r\n`)
  t.match(body, `a=ice-pwd:${password}\r\n`)
  t.notMatch(answer, usernameFragment)
  t.match(body, /^a=candidate:.* 192\.0\.2\.7 44000 typ host\r$/m)
  t.match(body, /^a=end-of-candidates\r$/m)
  t.notMatch(body, /[^\r]\n/)
  t.equal(server.av.last.closed, false)
})

t.test('after an ICE restart only the new ETag matches (M20)', async t => {
  const { server, path, etag } = await opened(t)
  const restarted = await server.patch(path, RESTART, { 'If-Match': etag })
  const old = await server.patch(path, RESTART, { 'If-Match': etag })
  await assertProblem(t, old, 412, 'etag-stale')
  const taken = await server.patch(path, RESTART, {
    'If-Match': etagOf(restarted),
  })
  t.equal(taken.status, 204, 'the same credentials again do not restart ICE')
})

for (const type of ['', 'application/sdp', 'application/json']) {
  t.test(`PATCH with Content-Type "${type}" answers 415 (M21)`, async t => {
    const { server, path, etag } = await opened(t)
    const response = await server.request(path, {
      method: 'PATCH',
      headers: {
        'If-Match': etag,
        ...(type === '' ? {} : { 'Content-Type': type }),
      },
      body: new TextEncoder().encode(SAME),
    })
    await assertProblem(t, response, 415, 'media-type')
    t.equal(
      response.headers.get('Accept-Patch'),
      'application/trickle-ice-sdpfrag',
    )
  })
}

const BROKEN = {
  JSON: '{"candidate":"candidate:1 1 udp 1 192.0.2.1 9 typ host"}',
  nothing: '',
  text: 'hello',
  'only a new ufrag': 'a=ice-ufrag:other\r\n',
  'only a new pwd': fragmentOf(CHROMIUM, { pwd: 'new-password-of-22-chars' }),
  'two ufrags': `a=ice-ufrag:a\r\n${SAME.replace('m=', 'm=')}`.replace(
    'a=mid',
    'a=ice-ufrag:b\r\na=mid',
  ),
}

for (const [what, body] of Object.entries(BROKEN)) {
  t.test(
    `PATCH with ${what} answers 400 before If-Match is checked (M22)`,
    async t => {
      const { server, path, etag } = await opened(t)
      const response = await server.patch(path, body)
      await assertProblem(t, response, 400, 'malformed-fragment')
      t.equal(server.av.last.restarts, 0)
      const taken = await server.patch(path, SAME, { 'If-Match': etag })
      t.equal(taken.status, 204)
    },
  )
}

const CANDIDATES = {
  mDNS: '1 1 udp 2113937151 2b2d4c9e-1111-4222-8333-444455556666.local 5 typ host',
  'tcptype active': '2 1 tcp 1518280447 192.0.2.20 9 typ host tcptype active',
  IPv6: '3 1 udp 2113937151 2001:db8::20 52344 typ host',
  srflx: '4 1 udp 1677729535 198.51.100.2 5 typ srflx raddr 0.0.0.0 rport 0',
  relay: '5 1 udp 8331263 198.51.100.3 5 typ relay raddr 0.0.0.0 rport 0',
  'an unknown transport': '6 1 sctp 1 192.0.2.20 9 typ host',
  nonsense: 'what is this',
}

for (const [what, candidate] of Object.entries(CANDIDATES)) {
  t.test(`PATCH with ${what} candidate answers 204 (M23)`, async t => {
    const { server, path, etag } = await opened(t)
    const body = SAME.replace(/a=candidate:.*/, `a=candidate:${candidate}`)
    const response = await server.patch(path, body, { 'If-Match': etag })
    t.equal(response.status, 204)
  })
}

t.test('PATCH with an unknown mid answers 204 (M23)', async t => {
  const { server, path, etag } = await opened(t)
  const body = SAME.replace('a=mid:0', 'a=mid:unknown')
  const response = await server.patch(path, body, { 'If-Match': etag })
  t.equal(response.status, 204)
})

t.test('a failed ICE restart leaves the old ICE session (M24)', async t => {
  const { server, path, etag } = await opened(t)
  server.av.last.onRestart = () =>
    Promise.reject(new StreamError('worker', 'x'))
  const response = await server.patch(path, RESTART, { 'If-Match': etag })
  await assertProblem(t, response, 503, 'worker-unavailable')
  t.equal(server.av.last.closed, false)
  const taken = await server.patch(path, SAME, { 'If-Match': etag })
  t.equal(taken.status, 204)
})

t.test('of two concurrent ICE restarts one answers 412', async t => {
  const { server, path, etag } = await opened(t)
  const other = fragmentOf(CHROMIUM, { ufrag: 'thrd', pwd: 'x'.repeat(24) })
  const statuses = await Promise.all(
    [RESTART, other].map(async body => {
      const response = await server.patch(path, body, { 'If-Match': etag })
      return response.status
    }),
  )
  t.same(statuses.toSorted(), [200, 412])
  t.equal(server.av.last.restarts, 1)
})
