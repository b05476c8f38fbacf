/**
 * The media process is neither slower nor dearer than its baseline, measured
 * beside a bare UDP relay. BENCH_CHECKOUT names another checkout to measure.
 */
import t from 'tap'
import { readBaseline, regressions } from '../../bench/media/baseline.ts'
import { begin } from '../../bench/media/begin.ts'
import { checkLatency } from '../../bench/media/latency-gate.ts'
import { resultText, type Result } from '../../bench/media/result.ts'
import { MEASUREMENTS } from '../../bench/media/suite.ts'
import { NoiseMeter, noiseText } from '../../bench/rig/machine-noise.ts'

const own = begin()
const effort = {
  ...own,
  checkout: process.env['BENCH_CHECKOUT'] ?? own.checkout,
  rounds: 5,
  roundMs: 2_000,
}

t.setTimeout(0)

t.test('the server hop stays within 2.5 times that of a relay', async t => {
  const { passed, text } = await checkLatency(effort)
  t.comment(text)
  t.ok(passed, text)
})

t.test('no ratio is worse than its baseline by half', async t => {
  const noise = new NoiseMeter()
  const results: Result[] = []
  for (const measure of MEASUREMENTS) results.push(...(await measure(effort)))
  for (const result of results) t.comment(resultText(result))
  t.comment(noiseText(noise.stop()))
  t.strictSame(regressions(results, await readBaseline()), [])
})
