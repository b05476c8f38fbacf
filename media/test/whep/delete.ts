/**
 * DELETE, and how a session ends: rows M25 to M27, M37 and S10 of
 * media/whep/REQUIREMENTS.md.
 */
import t from 'tap'
import { assertProblem, locationOf } from './fixtures/assertions.ts'
import { CHROMIUM, fragmentOf } from './fixtures/offers.ts'
import { WhepServer } from './fixtures/whep-server.ts'

const SAME = fragmentOf(CHROMIUM)
const DELETE = { method: 'DELETE' }

t.test(
  'DELETE of a session answers 204 and releases its slot (M25)',
  async t => {
    const server = await WhepServer.start(t)
    const path = locationOf(await server.post('av', CHROMIUM))
    t.equal(server.sessions.of('av').length, 1)
    const response = await server.request(path, {
      ...DELETE,
      headers: { 'If-Match': '"whatever"' },
    })
    t.equal(response.status, 204)
    t.equal(await response.text(), '')
    t.equal(server.av.last.closed, true)
    t.equal(server.slotsTaken, 0)
    t.equal(server.sessions.of('av').length, 0)
  },
)

t.test('DELETE of an unknown session answers 204 (M26)', async t => {
  const server = await WhepServer.start(t)
  const path = locationOf(await server.post('av', CHROMIUM))
  const ended = `/api/v3/whep/av/${'x'.repeat(32)}`
  for (const each of [path, path, ended, '/api/v3/whep/av/x']) {
    t.equal((await server.request(each, DELETE)).status, 204)
  }
  server.streams.byId.delete('av')
  t.equal((await server.request(path, DELETE)).status, 204)
})

t.test('PATCH after DELETE answers 404 session-ended (M27)', async t => {
  const server = await WhepServer.start(t)
  const path = locationOf(await server.post('av', CHROMIUM))
  await server.request(path, DELETE)
  const response = await server.patch(path, SAME, { 'If-Match': '*' })
  await assertProblem(t, response, 404, 'session-ended')
})

t.test(
  'a kicked session closes its transport, PATCH answers 404 (M37)',
  async t => {
    const server = await WhepServer.start(t)
    const path = locationOf(await server.post('av', CHROMIUM))
    const peer = path.split('/').at(-1) ?? ''
    const kicked = await server.request(
      `/api/v3/webrtc/streams/av/peers/${peer}`,
      DELETE,
    )
    t.equal(kicked.status, 204)
    t.equal(server.av.last.closed, true)
    const response = await server.patch(path, SAME, { 'If-Match': '*' })
    await assertProblem(t, response, 404, 'session-ended')
  },
)

t.test(
  "PATCH and DELETE under another stream's path leave the session (S10)",
  async t => {
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
  },
)
