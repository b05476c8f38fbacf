/** Thousands of mutated offers and fragments on fake transports. */
import fc from 'fast-check'
import { parse } from 'sdp-transform'
import t from 'tap'
import { locationOf } from './fixtures/assertions.ts'
import { expectedStatus, faultsOf } from './fixtures/check-answer.ts'
import { FakeClock } from '../../../shared/test/fixtures/fake-clock.ts'
import { mutated, mutatedOffer } from './fixtures/mutations.ts'
import { CHROMIUM, fragmentOf } from './fixtures/offers.ts'
import { validOffer } from './fixtures/valid-offer.ts'
import { WhepServer } from './fixtures/whep-server.ts'

t.test('mutated offers answer 201, 400 or 406 and leak nothing', async t => {
  const clock = new FakeClock()
  const server = await WhepServer.start(t, { clock })
  const codes = new Map<number, number>()
  await fc.assert(
    fc.asyncProperty(mutatedOffer, async offer => {
      const response = await server.post('av', offer)
      const body = await response.text()
      const { status } = response
      codes.set(status, (codes.get(status) ?? 0) + 1)
      if (![201, 400, 406].includes(status)) throw new Error(`${status}`)
      if (status === 201) {
        const sections = offer.match(/(^|[\r\n])m=/g)?.length
        if (parse(body).media.length !== sections) throw new Error('sections')
        await server.request(locationOf(response), { method: 'DELETE' })
      }
      const left = [server.av.open, server.slotsTaken, clock.pending]
      if (left.some(count => count !== 0)) throw new Error(left.join())
    }),
    { numRuns: 2_000 },
  )
  t.comment(`responses by status: ${JSON.stringify([...codes])}`)
  for (const code of [201, 400, 406]) t.ok((codes.get(code) ?? 0) > 50)
})

t.test('mutated fragments answer 200, 204 or 400', async t => {
  // The clock stands still, so that the session does not time out.
  const server = await WhepServer.start(t, { clock: new FakeClock() })
  const path = locationOf(await server.post('av', CHROMIUM))
  const codes = new Map<number, number>()
  const fragment = fc
    .constantFrom(
      fragmentOf(CHROMIUM),
      fragmentOf(CHROMIUM, { ufrag: 'newU', pwd: 'n'.repeat(22) }),
    )
    .chain(mutated)
  await fc.assert(
    fc.asyncProperty(fragment, async body => {
      const response = await server.patch(path, body, { 'If-Match': '*' })
      const { status } = response
      await response.arrayBuffer()
      codes.set(status, (codes.get(status) ?? 0) + 1)
      if (![200, 204, 400].includes(status)) throw new Error(`${status}`)
    }),
    { numRuns: 1_000 },
  )
  t.comment(`responses by status: ${JSON.stringify([...codes])}`)
  for (const code of [200, 204, 400]) t.ok((codes.get(code) ?? 0) > 20)
  t.equal(server.sessions.of('av').length, 1)
})

t.test('valid offers get the right status and a correct answer', async t => {
  const server = await WhepServer.start(t)
  const streams = [server.av, server.vp8, server.video, server.audio]
  await fc.assert(
    fc.asyncProperty(
      fc.constantFrom(...streams),
      validOffer,
      async ({ id, codecs }, offer) => {
        const response = await server.post(id, offer.sdp)
        const body = await response.text()
        const expected = expectedStatus(offer, codecs)
        if (response.status !== expected) {
          throw new Error(`${response.status} instead of ${expected}`)
        }
        if (expected !== 201) return
        const faults = faultsOf(body, offer, codecs)
        if (faults.length > 0) throw new Error(faults.join())
        await server.request(locationOf(response), { method: 'DELETE' })
      },
    ),
    { numRuns: 1_000 },
  )
  t.equal(server.slotsTaken, 0)
})

t.test('no body answers 5xx', async t => {
  const server = await WhepServer.start(t, { clock: new FakeClock() })
  const path = locationOf(await server.post('av', CHROMIUM))
  await fc.assert(
    fc.asyncProperty(
      fc.oneof(fc.uint8Array({ maxLength: 2_000 }), fc.string()),
      async body => {
        const bytes = new Uint8Array(Buffer.from(body))
        for (const [method, to, type] of [
          ['POST', '/api/v3/whep/av', 'application/sdp'],
          ['PATCH', path, 'application/trickle-ice-sdpfrag'],
        ] as const) {
          const response = await server.request(to, {
            method,
            headers: { 'Content-Type': type, 'If-Match': '*' },
            body: bytes,
          })
          await response.arrayBuffer()
          if (response.status >= 500) throw new Error(`${response.status}`)
        }
      },
    ),
    { numRuns: 200 },
  )
  t.equal(server.sessions.of('av').length, 1)
})
