import t from 'tap'
import { readBaseline, regressions } from '../../bench/media/baseline.ts'
import type { Result } from '../../bench/media/result.ts'

const result = (name: string, median: number): Result => ({
  name,
  ratio: { median, min: median, max: median },
  detail: '',
})

t.test('regressions() accepts a ratio up to half above its baseline', t => {
  t.same(
    regressions([result('CPU', 3), result('hop', 0.1)], { CPU: 2, hop: 2 }),
    [],
  )
  t.end()
})

t.test('regressions() names each ratio that is worse by more', t => {
  const results = [result('CPU', 3.1), result('hop', 2)]
  t.same(regressions(results, { CPU: 2, hop: 2 }), ['CPU: 3.10, baseline 2.00'])
  t.end()
})

t.test('regressions() names a ratio that was not measured', t => {
  t.same(regressions([], { CPU: 2 }), ['CPU: not measured'])
  t.end()
})

t.test('regressions() reports a ratio that is no number', t => {
  const broken = [result('CPU', NaN)]
  t.same(regressions(broken, { CPU: 2 }), ['CPU: NaN, baseline 2.00'])
  t.end()
})

t.test('the committed baseline holds positive ratios', async t => {
  const ratios = Object.values(await readBaseline())
  t.ok(ratios.length > 0)
  t.ok(ratios.every(ratio => Number.isFinite(ratio) && ratio > 0))
})
