import t from 'tap'
import { createFrameRate } from '../../feed/frame-rate.ts'

t.test('ten seconds of frames may come at once, then only the rate', t => {
  const rate = createFrameRate(50)
  const taken = (steadyMs: number) => {
    let count = 0
    while (rate(steadyMs)) count++
    return count
  }
  t.equal(taken(0), 500)
  t.equal(taken(0), 0)
  t.equal(taken(1_000), 50)
  t.equal(taken(1_010), 0)
  t.equal(taken(1_020), 1)
  t.equal(taken(1e9), 500)
  t.end()
})

t.test('a clock that goes back takes nothing away', t => {
  const rate = createFrameRate(1)
  t.ok(rate(1_000))
  t.ok(rate(0))
  t.end()
})
