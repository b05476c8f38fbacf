/** As deploy/test/truenas/degraded.ts, with every case, a few at a time. */
import t from 'tap'
import { requireProgram } from '../../../shared/test/fixtures/program.ts'
import { DEGRADED_CASES } from '../sources/fixtures/degraded-cases.ts'
import { DegradedMatrix } from '../truenas/fixtures/degraded-matrix.ts'

const UDP_PORT = 28_400
const AT_ONCE = 6

t.setTimeout(0)

t.test('each reason is seen, of the right stream', async t => {
  if (requireProgram(t, 'prometheus') === undefined) return
  const matrix = await DegradedMatrix.start(t, UDP_PORT)
  await t.test('and no other', { jobs: AT_ONCE }, t => {
    for (const what of Object.keys(DEGRADED_CASES)) {
      t.test(what, t => matrix.check(t, what))
    }
    t.end()
  })
  await matrix.healthyWereWell(t)
})
