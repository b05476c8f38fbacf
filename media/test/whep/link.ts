/**
 * Link headers: rows M32 and S7 of media/whep/REQUIREMENTS.md.
 */
import { request } from 'node:http'
import t from 'tap'
import { CHROMIUM } from './fixtures/offers.ts'
import { WhepServer } from './fixtures/whep-server.ts'

t.test('POST answers without Link when no ICE server is set (M32)', async t => {
  const server = await WhepServer.start(t)
  const response = await server.post('av', CHROMIUM)
  t.equal(response.headers.get('Link'), null)
})

t.test('201 and OPTIONS carry one Link header per ICE server (S7)', async t => {
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
  t.same(
    await links('OPTIONS', {}),
    [stun],
    'credentials are only sent with the token',
  )
})
