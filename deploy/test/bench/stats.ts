import t from 'tap'
import { quantile, spreadOf, spreadText } from '../../bench/rig/stats.ts'

t.test('quantile() does not depend on the order of the values', t => {
  const values = Array.from({ length: 101 }, (_, i) => (i * 37) % 101)
  t.equal(quantile(values, 0.5), 50)
  t.equal(quantile(values, 0.95), 95)
  t.equal(quantile(values, 0), 0)
  t.equal(quantile(values, 1), 100)
  t.end()
})

t.test('quantile() of nothing is NaN', t => {
  t.ok(Number.isNaN(quantile([], 0.5)))
  t.end()
})

t.test('spreadText() shows the median and the range', t => {
  t.equal(spreadText(spreadOf([1.5, 20, 1])), '1.50 (1.00-20.0)')
  t.end()
})
