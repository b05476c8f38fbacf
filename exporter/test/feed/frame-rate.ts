import t from 'tap'
import { createFrameRate } from '../../feed/frame-rate.ts'

t.test(
  'createFrameRate() allows ten seconds of frames at once, then the rate',
  t => {
    const rate = createFrameRate(50)
    const accepted = (steadyMs: number) => {
      let count = 0
      while (rate(steadyMs)) count++
      return count
    }
    t.equal(accepted(0), 500)
    t.equal(accepted(0), 0)
    t.equal(accepted(1_000), 50)
    t.equal(accepted(1_010), 0)
    t.equal(accepted(1_020), 1)
    t.equal(accepted(1e9), 500)
    t.end()
  },
)

t.test('createFrameRate() ignores a clock that goes back', t => {
  const rate = createFrameRate(1)
  t.ok(rate(1_000))
  t.ok(rate(0))
  t.end()
})
