/** Concurrent requests: row C16 of media/whep/REQUIREMENTS.md. */
import { connect, type Socket } from 'node:net'
import { text } from 'node:stream/consumers'
import t from 'tap'
import { StreamError } from '../../whep/stream-port.ts'
import { BODY_TIMEOUT_MS } from '../../http/body.ts'
import { waitFor } from '../../../shared/test/fixtures/wait-for.ts'
import { assertProblem, locationOf } from './fixtures/assertions.ts'
import { FakeClock } from '../../../shared/test/fixtures/fake-clock.ts'
import { openConnections } from '../fixtures/open-connections.ts'
import { CHROMIUM, fragmentOf } from './fixtures/offers.ts'
import { WhepServer } from './fixtures/whep-server.ts'

const RESTART = fragmentOf(CHROMIUM, { ufrag: 'newU', pwd: 'n'.repeat(22) })
const DELETE = { method: 'DELETE' }

/** Blocks the callers of `pass` until `open` is called. */
function gate() {
  const reached = Promise.withResolvers<undefined>()
  const open = Promise.withResolvers<undefined>()
  return {
    reached: reached.promise,
    open: () => {
      open.resolve(undefined)
    },
    pass: () => {
      reached.resolve(undefined)
      return open.promise
    },
  }
}

t.test('DELETE during an ICE restart: the PATCH answers 404', async t => {
  const server = await WhepServer.start(t)
  const path = locationOf(await server.post('av', CHROMIUM))
  const { reached, open, pass } = gate()
  server.av.last.onRestart = pass
  const patching = server.patch(path, RESTART, { 'If-Match': '*' })
  await reached
  t.equal((await server.request(path, DELETE)).status, 204)
  t.equal(server.slotsTaken, 0)
  open()
  await assertProblem(t, await patching, 404, 'session-ended')
})

t.test('a queued PATCH answers 404 when the stream ends', async t => {
  const server = await WhepServer.start(t)
  const path = locationOf(await server.post('av', CHROMIUM))
  const { reached, open, pass } = gate()
  server.av.last.onRestart = pass
  const patching = server.patch(path, RESTART, { 'If-Match': '*' })
  await reached
  const waiting = server.patch(path, fragmentOf(CHROMIUM), { 'If-Match': '*' })
  server.av.last.become('stream-ended')
  open()
  await assertProblem(t, await patching, 404, 'session-ended')
  await assertProblem(t, await waiting, 404, 'session-ended')
})

t.test('more than 100 queued PATCHes answer 429', async t => {
  const server = await WhepServer.start(t)
  const path = locationOf(await server.post('av', CHROMIUM))
  const { reached, open, pass } = gate()
  server.av.last.onRestart = pass
  const patch = (body: string) => server.patch(path, body, { 'If-Match': '*' })
  const patching = patch(RESTART)
  await reached
  let rejected = 0
  const waiting = Array.from({ length: 150 }, async () => {
    const { status } = await patch(fragmentOf(CHROMIUM))
    if (status === 429) rejected++
    return status
  })
  await waitFor(() => rejected === 51, '51 rejected PATCHes')
  open()
  t.equal((await patching).status, 200)
  const statuses = await Promise.all(waiting)
  const count = (status: number) =>
    statuses.filter(each => each === status).length
  // The queued PATCHes have the old credentials, so the first restarts ICE.
  t.equal(count(200) + count(204), 99)
  t.equal(count(429), 51)
})

t.test(
  'a restart on a frozen worker answers 504 and keeps the session',
  async t => {
    const clock = new FakeClock()
    const server = await WhepServer.start(t, { clock })
    const path = locationOf(await server.post('av', CHROMIUM))
    server.av.last.become('connected')
    const { reached, open, pass } = gate()
    server.av.last.onRestart = pass
    const patching = server.patch(path, RESTART, { 'If-Match': '*' })
    await reached
    clock.advance(5_000)
    await assertProblem(t, await patching, 504, 'worker-timeout')
    open()
    t.equal(server.sessions.of('av')[0]?.state.at, 'connected')
    t.equal(server.observations.count('ice_failures_total'), 0)
  },
)

t.test('a transport that connects after DELETE counts nothing', async t => {
  const server = await WhepServer.start(t)
  const path = locationOf(await server.post('av', CHROMIUM))
  await server.request(path, DELETE)
  server.av.last.become('connected')
  t.equal(server.observations.count('ice_establishment_duration_seconds'), 0)
})

t.test('POST answers 409 when the stream is stopped meanwhile', async t => {
  const server = await WhepServer.start(t)
  const { reached, open, pass } = gate()
  server.av.before = async () => {
    await pass()
    throw new StreamError('not-live', 'stopped')
  }
  const posting = server.post('av', CHROMIUM)
  await reached
  open()
  await assertProblem(t, await posting, 409, 'stream-not-live')
  t.equal(server.slotsTaken, 0)
})

t.test('500 concurrent POSTs fill the caps exactly', async t => {
  const server = await WhepServer.start(t, {
    caps: { total: 90, perStream: 40 },
  })
  const streams = [server.av, server.vp8, server.video]
  for (const stream of streams) {
    // Responses come at different times, and some fail.
    let number = 0
    stream.before = async () => {
      number++
      const turns = (number * 7) % 5
      for (let i = 0; i < turns; i++) await Promise.resolve()
      if (number % 10 === 0) throw new StreamError('worker', 'rejected')
    }
  }
  const statuses = await Promise.all(
    Array.from({ length: 500 }, async (_, i) => {
      const response = await server.post(streams[i % 3]?.id ?? '', CHROMIUM)
      await response.arrayBuffer()
      return response.status
    }),
  )
  t.same([...new Set(statuses)].toSorted(), [201, 503])
  const admitted = statuses.filter(status => status === 201).length
  t.equal(server.slotsTaken, admitted)
  t.equal(admitted, 90, 'exactly the cap, and failed POSTs keep no slot')
  for (const { id } of streams) t.ok(server.sessions.of(id).length <= 40)
  const capped = server.observations.count('cap_rejections_total')
  const rejected = server.observations.count('whep_requests_total', {
    code: '503',
  })
  t.ok(capped > 0 && capped <= rejected)
  const paths = streams.flatMap(({ id }) =>
    server.sessions.of(id).map(session => `/api/v3/whep/${id}/${session.id}`),
  )
  await Promise.all(paths.map(path => server.request(path, DELETE)))
  t.equal(server.slotsTaken, 0)
  for (const stream of streams) t.equal(stream.open, 0)
})

/** Sends raw bytes to the server. */
function send(server: WhepServer, text: string): Socket {
  const socket = connect(Number(server.base.port), '127.0.0.1')
  socket.on('error', () => undefined)
  socket.write(text)
  return socket
}

const head = (length: number) =>
  'POST /api/v3/whep/av HTTP/1.1\r\nHost: x\r\n' +
  `Content-Type: application/sdp\r\nContent-Length: ${length}\r\n\r\n`

t.test(
  'a client that disconnects in its body leaks and counts nothing',
  async t => {
    const clock = new FakeClock()
    const server = await WhepServer.start(t, { clock })
    const sockets = Array.from({ length: 50 }, () =>
      send(server, head(1_000) + 'v=0\r\n'),
    )
    await server.request('/ping')
    for (const socket of sockets) socket.destroy()
    const port = Number(server.base.port)
    await waitFor(() => openConnections(port) <= 1, 'closed connections')
    t.equal(server.slotsTaken, 0)
    t.equal(clock.pending, 0)
    t.equal(
      server.observations.all.length,
      0,
      'no response, so none is counted',
    )
    t.same(server.logged, [], 'nothing is logged')
  },
)

t.test(
  'a body that does not arrive in time answers 408 and is counted',
  async t => {
    const clock = new FakeClock()
    const server = await WhepServer.start(t, { clock })
    const socket = send(server, head(1_000) + 'v=0\r\n')
    await clock.until(() => clock.pending > 0)
    clock.advance(BODY_TIMEOUT_MS)
    // Reads to the end: the server closes the connection.
    const answer = await text(socket)
    t.match(answer, /^HTTP\/1\.1 408 /)
    t.match(answer, /^Access-Control-Expose-Headers: /m)
    t.match(answer, '"type":"urn:dragonfork:problem:request-too-slow"')
    t.equal(
      server.observations.count('whep_requests_total', { code: '408' }),
      1,
    )
    t.equal(clock.pending, 0)
  },
)

t.test(
  'a client that disconnects during POST leaks no slot or transport',
  async t => {
    const clock = new FakeClock()
    const server = await WhepServer.start(t, { clock })
    const { reached, open, pass } = gate()
    server.av.before = pass
    const socket = send(server, head(CHROMIUM.length) + CHROMIUM)
    await reached
    t.equal(server.slotsTaken, 1)
    socket.destroy()
    await waitFor(() => server.slotsTaken === 0, 'a released slot')
    open()
    await waitFor(() => server.av.open === 0, 'the late transport to be closed')
    t.equal(clock.pending, 0)
    t.equal(server.observations.all.length, 0)
  },
)

t.test(
  'a client that resets before its answer leaks no slot or transport',
  async t => {
    const clock = new FakeClock()
    const server = await WhepServer.start(t, { clock })
    const { reached, open, pass } = gate()
    server.av.before = async signal => {
      await pass()
      // The worker opens the transport anyway.
      signal.throwIfAborted()
    }
    const socket = send(server, head(CHROMIUM.length) + CHROMIUM)
    await reached
    socket.resetAndDestroy()
    open()
    await waitFor(() => server.slotsTaken === 0, 'a released slot')
    t.equal(server.av.open, 0)
    t.equal(clock.pending, 0)
    t.equal(server.observations.count('ice_failures_total'), 0)
  },
)

t.test(
  'POST answers 503 when the server closes meanwhile, and later',
  async t => {
    const server = await WhepServer.start(t)
    const { reached, pass } = gate()
    server.av.before = pass
    const posting = server.post('av', CHROMIUM)
    await reached
    const closing = server.sessions.close()
    await assertProblem(t, await posting, 503, 'shutting-down')
    await closing
    const late = await server.post('av', CHROMIUM)
    await assertProblem(t, late, 503, 'shutting-down')
    t.equal(server.observations.count('ice_failures_total'), 0)
  },
)
