/** Bytes that are not an HTTP request and reach no route (rows S5 and C1). */
import { connect } from 'node:net'
import { text } from 'node:stream/consumers'
import t from 'tap'
import { WhepServer } from '../whep/fixtures/whep-server.ts'

const POST = 'POST /api/v3/whep/av HTTP/1.1\r\nHost: x\r\n'
const PING = 'GET /ping HTTP/1.1\r\nHost: x\r\n\r\n'

const BROKEN = {
  'no HTTP at all': ['hello\r\n\r\n', 400, 'bad-request'],
  'an unknown method': [
    'BREW / HTTP/1.1\r\nHost: x\r\n\r\n',
    400,
    'bad-request',
  ],
  'an invalid Content-Length': [
    `${POST}Content-Length: -1\r\n\r\n`,
    400,
    'bad-request',
  ],
  'a header over 16 KiB': [
    `${POST}Authorization: ${'x'.repeat(17_000)}\r\n\r\n`,
    431,
    'header-too-large',
  ],
} as const

for (const [what, [request, status, code]] of Object.entries(BROKEN)) {
  t.test(`${what} answers ${status} as problem+json`, async t => {
    const server = await WhepServer.start(t)
    const socket = connect(Number(server.base.port), '127.0.0.1')
    // A valid request before it is answered.
    socket.write(PING)
    await new Promise(resolve => socket.once('data', resolve))
    socket.write(request)
    // Reads to the end: the server closes the connection.
    const answer = await text(socket)
    const [head = '', body = ''] = answer.split('\r\n\r\n')
    t.match(head, new RegExp(`^HTTP/1\\.1 ${status} [A-Z]`))
    t.match(head, /^Content-Type: application\/problem\+json\r$/m)
    t.match(head, /^Access-Control-Allow-Origin: \*\r$/m)
    t.match(head, /^Access-Control-Expose-Headers: .*WWW-Authenticate/m)
    t.match(head, /^Connection: close/m)
    t.match(JSON.parse(body), {
      type: `urn:dragonfork:problem:${code}`,
      status,
    })
    t.same(server.logged, [])
  })
}
