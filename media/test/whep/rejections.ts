/**
 * Offers that are rejected: rows M34 to M36, S4 and S9 of
 * media/whep/REQUIREMENTS.md.
 */
import t from 'tap'
import { StreamError } from '../../whep/stream-port.ts'
import { assertProblem, locationOf } from './fixtures/assertions.ts'
import { FakeClock } from '../../../shared/test/fixtures/fake-clock.ts'
import { CHROMIUM, without } from './fixtures/offers.ts'
import { WhepServer } from './fixtures/whep-server.ts'

const MISMATCHES = [
  { stream: 'av', without: /H264/, kinds: ['video'] },
  { stream: 'av', without: /opus/, kinds: ['audio'] },
  { stream: 'av', without: /H264|opus/, kinds: ['video', 'audio'] },
  { stream: 'av', without: /packetization-mode=1/, kinds: ['video'] },
  { stream: 'vp8', without: /VP8/, kinds: ['video'] },
] as const

for (const { stream, without: pattern, kinds } of MISMATCHES) {
  t.test(
    `POST to ${stream} without ${pattern.source} answers 406 (M34)`,
    async t => {
      const server = await WhepServer.start(t)
      const response = await server.post(stream, without(CHROMIUM, pattern))
      const body = await assertProblem(t, response, 406, 'codec-mismatch')
      t.equal(body['kind'], kinds[0])
      t.same(body['kinds'], kinds)
      for (const kind of ['video', 'audio'] as const) {
        t.equal(
          server.observations.count('codec_mismatches_total', {
            stream_id: stream,
            kind,
          }),
          kinds.some(each => each === kind) ? 1 : 0,
        )
      }
      t.equal(server.slotsTaken, 0)
    },
  )
}

t.test(
  'POST with no kind in common answers 406 for the first kind (M34)',
  async t => {
    const server = await WhepServer.start(t)
    const videoOnly = without(CHROMIUM, /^$/).replace(/m=audio[^]*$/, '')
    const offer = videoOnly.replace('BUNDLE 0 1', 'BUNDLE 0')
    const response = await server.post('audio', offer)
    const body = await assertProblem(t, response, 406, 'codec-mismatch')
    t.equal(body['kind'], 'video')
  },
)

t.test(
  'POST over a cap answers 503 with scope stream, then global (M35)',
  async t => {
    const server = await WhepServer.start(t, {
      caps: { total: 3, perStream: 2 },
    })
    const post = () => server.post('av', CHROMIUM)
    await post()
    await post()
    const full = await post()
    const body = await assertProblem(t, full, 503, 'cap-reached')
    t.match(body, { scope: 'stream', limit: 2 })
    t.match(full.headers.get('Retry-After'), /^[1-9]$/)
    t.equal((await server.post('video', CHROMIUM)).status, 201)
    const both = await assertProblem(t, await post(), 503, 'cap-reached')
    t.match(both, { scope: 'global', limit: 3 })
    for (const scope of ['stream', 'global']) {
      const labels = { stream_id: 'av', scope }
      t.equal(server.observations.count('cap_rejections_total', labels), 1)
    }
  },
)

t.test(
  'POST with an empty port pool answers 503 and counts no cap (M35)',
  async t => {
    const server = await WhepServer.start(t)
    server.av.before = () => Promise.reject(new StreamError('ports', 'none'))
    const response = await server.post('av', CHROMIUM)
    const body = await assertProblem(t, response, 503, 'ports-exhausted')
    t.equal(body['scope'], 'ports')
    t.ok(response.headers.get('Retry-After'))
    t.equal(server.observations.count('cap_rejections_total'), 0)
    t.equal(server.slotsTaken, 0)
  },
)

t.test('POST over the payload-type map limit answers 503 (M35)', async t => {
  const server = await WhepServer.start(t)
  server.av.before = () => Promise.reject(new StreamError('layouts', 'none'))
  const response = await server.post('av', CHROMIUM)
  const body = await assertProblem(t, response, 503, 'layouts-exhausted')
  t.equal(body['scope'], undefined)
  t.ok(response.headers.get('Retry-After'))
  t.equal(server.slotsTaken, 0)
})

t.test('POST answers 504 when the worker does not respond (M36)', async t => {
  const clock = new FakeClock()
  const server = await WhepServer.start(t, { clock })
  const requested = Promise.withResolvers<undefined>()
  const resume = Promise.withResolvers<undefined>()
  server.av.before = () => {
    requested.resolve(undefined)
    return resume.promise
  }
  const posting = server.post('av', CHROMIUM)
  await requested.promise
  t.equal(server.slotsTaken, 1)
  clock.advance(5_000)
  await assertProblem(t, await posting, 504, 'worker-timeout')
  t.equal(server.slotsTaken, 0)
  const labels = { stream_id: 'av', reason: 'timeout' }
  t.equal(server.observations.count('ice_failures_total', labels), 1)
  t.equal(server.observations.count('ice_establishment_duration_seconds'), 0)
  t.equal(server.observations.count('whep_requests_total', { code: '504' }), 1)
  resume.resolve(undefined)
  await resume.promise
  t.equal(server.av.open, 0)
  t.equal(clock.pending, 0)
})

t.test(
  'POST over the rate limit answers 429 until it refills (S4)',
  async t => {
    const clock = new FakeClock()
    const server = await WhepServer.start(t, {
      clock,
      config: { postsPerMinute: 2 },
    })
    const post = () => server.post('av', CHROMIUM)
    t.same([(await post()).status, (await post()).status], [201, 201])
    const response = await post()
    await assertProblem(t, response, 429, 'too-many-posts')
    t.equal(response.headers.get('Retry-After'), '30')
    clock.advance(30_000)
    t.equal((await post()).status, 201)
    t.equal((await post()).status, 429)
    t.equal(
      server.observations.count('whep_requests_total', { code: '429' }),
      2,
    )
  },
)

t.test(
  'a body over 64 KiB answers 413 and keeps the connection (S9)',
  async t => {
    const server = await WhepServer.start(t)
    const session = locationOf(await server.post('av', CHROMIUM))
    const big = 'a'.repeat(64 * 1024 + 1)
    await assertProblem(t, await server.post('av', big), 413, 'body-too-large')
    const patched = await server.patch(session, big, { 'If-Match': '*' })
    await assertProblem(t, patched, 413, 'body-too-large')
    const streamed = await server.request('/api/v3/whep/av', {
      method: 'POST',
      headers: { 'Content-Type': 'application/sdp' },
      body: new Blob([big]).stream(),
      duplex: 'half',
    })
    await assertProblem(t, streamed, 413, 'body-too-large')
    const full = CHROMIUM + 'a=x:'.padEnd(64 * 1024 - CHROMIUM.length, 'y')
    t.equal(
      (await server.post('av', full)).status,
      201,
      'a body of exactly the limit is accepted',
    )
  },
)
