/**
 * One degraded stream for each reason, until Prometheus shows it. The slow
 * cases are in deploy/test/soak/degraded.ts.
 */
import t from 'tap'
import { requireProgram } from '../../../shared/test/fixtures/program.ts'
import { DEGRADED_CASES } from '../sources/fixtures/degraded-cases.ts'
import { DegradedMatrix } from './fixtures/degraded-matrix.ts'
import { takePorts } from '../../../shared/test/fixtures/ports.ts'

const UDP_PORTS = await takePorts(200)

t.test('Prometheus shows each reason for the right stream', async t => {
  if (requireProgram(t, 'prometheus') === undefined) return
  const matrix = await DegradedMatrix.start(t, UDP_PORTS)
  const quick = Object.entries(DEGRADED_CASES).filter(([, one]) => one.quick)
  await t.test('degraded streams', { jobs: quick.length }, t => {
    for (const [what, one] of quick) t.test(what, t => matrix.check(t, one))
    t.end()
  })
  await matrix.healthyWereWell(t)
})
