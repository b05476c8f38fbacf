/**
 * The viewer token: row M30 of media/whep/REQUIREMENTS.md.
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

t.test('a missing or wrong viewer token answers 401 (M30)', async t => {
  const server = await WhepServer.start(t, { config: { whepToken: 'secret' } })
  const right = await server.post('av', CHROMIUM, {
    Authorization: 'bEaReR secret',
  })
  t.equal(right.status, 201)
  const session = locationOf(right)
  const wrong = { Authorization: 'Bearer wrong' }
  const basic = { Authorization: 'Basic c2VjcmV0' }
  const rejected = [
    await server.post('av', CHROMIUM),
    await server.post('av', CHROMIUM, wrong),
    await server.post('av', CHROMIUM, basic),
    await server.patch(session, SAME, wrong),
    await server.request(session, { ...DELETE, headers: wrong }),
    await server.request('/api/v3/whep/av'),
    await server.request('/api/v3/whep/av', { headers: wrong }),
    await server.request(session, { headers: wrong }),
  ]
  for (const response of rejected) {
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
