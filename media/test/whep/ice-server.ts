import { createHmac } from 'node:crypto'
import t from 'tap'
import { linkHeaders, parseIceServer } from '../../whep/ice-server.ts'

const SERVERS = {
  'stun:stun.example': { url: 'stun:stun.example' },
  'stun:192.0.2.1:3478': { url: 'stun:192.0.2.1:3478' },
  'stuns:[2001:db8::1]:5349': { url: 'stuns:[2001:db8::1]:5349' },
  'turn:user:pass@turn.example:3478?transport=tcp': {
    url: 'turn:turn.example:3478?transport=tcp',
    credentials: { username: 'user', password: 'pass' },
  },
  'turns:a%40b:p%3Aq%2C@turn.example': {
    url: 'turns:turn.example',
    credentials: { username: 'a@b', password: 'p:q,' },
  },
}

for (const [text, server] of Object.entries(SERVERS)) {
  t.test(`parseIceServer accepts ${text}`, t => {
    t.same(parseIceServer(text), server)
    t.end()
  })
}

for (const text of [
  'stun.example',
  'https://stun.example',
  'turn:turn.example',
  'turn:user@turn.example',
  'turn:user:%zz@turn.example',
  // A header cannot carry these, so every POST would fail.
  'turn:user:%E2%82%AC@turn.example',
  'turn:a%0D%0Ab:pass@turn.example',
  'stun:user:pass@stun.example',
  'stun:host:port',
  'stun:host?transport=sctp',
  'stun:host>; rel="x"',
]) {
  t.test(`parseIceServer rejects ${text}`, t => {
    t.throws(() => parseIceServer(text), { name: 'RangeError' })
    t.end()
  })
}

t.test('the error of parseIceServer does not contain the password', t => {
  const read = () => parseIceServer('turn:user:hunter2@turn example')
  t.throws(read, RangeError)
  try {
    read()
  } catch (error) {
    t.notMatch(String(error), 'hunter2')
  }
  t.end()
})

t.test(
  'user AUTH_SECRET makes linkHeaders write credentials that expire',
  t => {
    const server = parseIceServer('turn:AUTH_SECRET:s3cret@turn.example')
    const username = `${1_000 + 24 * 3600}:viewer`
    const credential = createHmac('sha1', 's3cret')
      .update(username)
      .digest('base64')
    t.same(linkHeaders([server], 1_000_500), [
      '<turn:turn.example>; rel="ice-server"; ' +
        `username="${username}"; credential="${credential}"; ` +
        'credential-type="password"',
    ])
    t.end()
  },
)
