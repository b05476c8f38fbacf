/** Many mutated offers on fake transports: no 5xx and no leak. */
import fc from 'fast-check'
import t from 'tap'
import { locationOf } from '../whep/fixtures/assertions.ts'
import { FakeClock } from '../../../shared/test/fixtures/fake-clock.ts'
import { mutatedOffer } from '../whep/fixtures/mutations.ts'
import { WhepServer } from '../whep/fixtures/whep-server.ts'

t.test(
  '30,000 mutated offers get 201, 400 or 406 and leak nothing',
  async t => {
    const clock = new FakeClock()
    const server = await WhepServer.start(t, { clock })
    await fc.assert(
      fc.asyncProperty(mutatedOffer, async offer => {
        const response = await server.post('av', offer)
        await response.arrayBuffer()
        const { status } = response
        if (![201, 400, 406].includes(status)) throw new Error(String(status))
        if (status === 201) {
          await server.request(locationOf(response), { method: 'DELETE' })
        }
      }),
      { numRuns: 30_000 },
    )
    t.equal(server.av.open, 0)
    t.equal(server.slotsTaken, 0)
    t.equal(clock.pending, 0)
  },
)
