/** WHEP on a real worker that freezes, dies or has no ports: M35 and M36. */
import { cleanup } from 'node-datachannel'
import t from 'tap'
import { waitFor } from '../../../shared/test/fixtures/wait-for.ts'
import { answerOf, assertProblem, locationOf } from './fixtures/assertions.ts'
import { H264, LiveServer } from './fixtures/live-server.ts'
import { CHROMIUM, fragmentOf } from './fixtures/offers.ts'
import { Peer } from '../fixtures/peer.ts'

t.teardown(cleanup)

const VIEWER = {
  video: { payloadType: 108, codec: 'H264' },
  audio: { payloadType: 111 },
} as const

/** Process id of the only worker. */
function workerOf(server: LiveServer): number {
  const [worker] = server.stack.engine.workers
  if (worker === undefined) throw new Error('There is no worker')
  return worker.pid
}

t.test('a frozen worker answers 504 and leaks nothing (M36)', async t => {
  const server = await LiveServer.start(t, {
    ports: 20,
    streams: { h264: H264 },
  })
  const idle = server.portsInUse
  const path = locationOf(await server.post('h264', CHROMIUM))
  const pid = workerOf(server)
  const resume = () => process.kill(pid, 'SIGCONT')
  t.teardown(resume)
  process.kill(pid, 'SIGSTOP')
  const restart = fragmentOf(CHROMIUM, { ufrag: 'newU', pwd: 'n'.repeat(22) })
  const [post, other, patch] = await Promise.all([
    server.post('h264', CHROMIUM),
    // Other payload types need a pipe transport, which times out too.
    server.post('h264', CHROMIUM.replaceAll(/\b108\b/g, '45')),
    fetch(new URL(path, server.base), {
      method: 'PATCH',
      headers: {
        'Content-Type': 'application/trickle-ice-sdpfrag',
        'If-Match': '*',
      },
      body: restart,
    }),
  ])
  await assertProblem(t, post, 504, 'worker-timeout')
  await assertProblem(t, patch, 504, 'worker-timeout')
  await assertProblem(t, other, 504, 'worker-timeout')
  t.equal(server.slotsTaken, 1, 'the first session keeps its slot')
  const timeouts = server.observations.count('ice_failures_total', {
    reason: 'timeout',
  })
  t.equal(timeouts, 2, 'each POST counts a timeout, the PATCH does not')
  resume()
  await fetch(new URL(path, server.base), { method: 'DELETE' })
  await server.settles(idle)
  const peer = new Peer(VIEWER)
  t.equal(await peer.view(server.endpoint('h264')), 201)
  await peer.plays()
  await peer.leave()
  await server.settles(idle)
})

t.test('the death of a worker ends its viewers and counts failed', async t => {
  const server = await LiveServer.start(t, {
    ports: 20,
    streams: { h264: H264 },
  })
  const peer = new Peer(VIEWER)
  t.teardown(() => {
    peer.close()
  })
  t.equal(await peer.view(server.endpoint('h264')), 201)
  await peer.plays()
  process.kill(workerOf(server), 'SIGKILL')
  await waitFor(() => server.slotsTaken === 0, 'the end of the session')
  t.equal(
    server.observations.count('ice_failures_total', { reason: 'failed' }),
    1,
  )
  t.equal(server.observations.count('ice_failures_total'), 1)
  const response = await server.post('h264', CHROMIUM)
  t.ok([201, 409, 503].includes(response.status), String(response.status))
  t.equal(server.slotsTaken, response.status === 201 ? 1 : 0)
})

t.test(
  'an empty port pool answers 503 until a port is released (M35)',
  async t => {
    const server = await LiveServer.start(t, {
      // Eight for the legs, two for viewers.
      ports: 10,
      streams: { h264: H264 },
    })
    const one = await server.post('h264', CHROMIUM)
    const two = await server.post('h264', CHROMIUM)
    t.same([one.status, two.status], [201, 201])
    const full = await server.post('h264', CHROMIUM)
    const body = await assertProblem(t, full, 503, 'ports-exhausted')
    t.equal(body['scope'], 'ports')
    t.equal(server.observations.count('cap_rejections_total'), 0)
    t.equal(server.slotsTaken, 2)
    await fetch(new URL(locationOf(one), server.base), { method: 'DELETE' })
    const again = await waitFor(async () => {
      const response = await server.post('h264', CHROMIUM)
      return response.status === 201 && response
    }, 'a released port')
    const { sdp } = await answerOf(again)
    t.equal(sdp.media[0]?.candidates?.length, 1)
  },
)

t.test('a DTLS certificate that was not offered counts failed', async t => {
  const server = await LiveServer.start(t, {
    ports: 12,
    streams: { h264: H264 },
    iceTimeoutMs: 20_000,
  })
  const peer = new Peer(VIEWER)
  t.teardown(() => {
    peer.close()
  })
  const status = await peer.view(server.endpoint('h264'), offer =>
    offer.replace(/(a=fingerprint:sha-256 )..(.*)/, (_, name, rest) => {
      return `${String(name)}00${String(rest)}`
    }),
  )
  t.equal(status, 201)
  await waitFor(() => server.slotsTaken === 0, 'the end of the session')
  t.equal(
    server.observations.count('ice_failures_total', { reason: 'failed' }),
    1,
  )
  const outcomes = { result: 'failed' }
  t.equal(
    server.observations.count('ice_establishment_duration_seconds', outcomes),
    1,
  )
})
