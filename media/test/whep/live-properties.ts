/** Mutated and generated offers on a real worker. */
import fc from 'fast-check'
import t from 'tap'
import { locationOf } from './fixtures/assertions.ts'
import { expectedStatus, faultsOf } from './fixtures/check-answer.ts'
import { H264, LiveServer, VP8 } from './fixtures/live-server.ts'
import { mutatedOffer } from './fixtures/mutations.ts'
import { validOffer } from './fixtures/valid-offer.ts'

await t.test('offers on a real worker', async t => {
  const server = await LiveServer.start(t, {
    ports: 80,
    streams: { h264: H264, vp8: VP8 },
  })
  const idle = server.portsInUse
  const pids = () => server.stack.engine.workers.map(({ pid }) => pid)
  const workers = pids()
  const end = async (response: Response) => {
    const url = new URL(locationOf(response), server.base)
    await fetch(url, { method: 'DELETE' })
  }

  await t.test(
    'mutated offers answer 201, 400, 406 or 503 and leak nothing',
    async () => {
      await fc.assert(
        fc.asyncProperty(mutatedOffer, async offer => {
          const response = await server.post('h264', offer)
          await response.arrayBuffer()
          const { status } = response
          if (![201, 400, 406, 503].includes(status)) {
            throw new Error(String(status))
          }
          if (status === 201) await end(response)
        }),
        { numRuns: 200 },
      )
      await server.settles(idle)
    },
  )

  await t.test(
    'valid offers get the right status and a correct answer',
    async () => {
      await fc.assert(
        fc.asyncProperty(
          fc.constantFrom('h264', 'vp8'),
          validOffer,
          async (id, offer) => {
            const codecs = server.stack.streams.find(id)?.codecs ?? {}
            const response = await server.post(id, offer.sdp)
            const body = await response.text()
            const expected = expectedStatus(offer, codecs)
            if (response.status !== expected) {
              throw new Error(`${response.status} instead of ${expected}`)
            }
            if (expected !== 201) return
            const faults = faultsOf(body, offer, codecs)
            await end(response)
            if (faults.length > 0) throw new Error(faults.join())
          },
        ),
        { numRuns: 100 },
      )
      await server.settles(idle)
    },
  )

  t.same(pids(), workers, 'no worker died')
})
