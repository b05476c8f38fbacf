import fc from 'fast-check'
import t from 'tap'

import {
  reconnectDelayMs,
  type ReconnectPolicy,
} from '../../ffmpeg/reconnect.ts'

const FIXED: ReconnectPolicy = { enabled: true, delayMs: 15_000 }
const GROWING: ReconnectPolicy = {
  ...FIXED,
  delayMs: 2_000,
  backoff: { maxMs: 60_000, jitter: 0.5 },
}

t.test(
  'reconnectDelayMs() returns the fixed delay, however often it fails',
  t => {
    for (const failures of [0, 1, 2, 1000]) {
      t.equal(reconnectDelayMs(FIXED, failures, 0, 0.99), 15_000)
    }
    t.end()
  },
)

t.test('reconnectDelayMs() doubles with backoff, up to maxMs', t => {
  const delays = [1, 2, 3, 4, 5, 6, 7, 1e9].map(failures =>
    reconnectDelayMs(GROWING, failures, 0, 0),
  )
  t.same(delays, [2_000, 4_000, 8_000, 16_000, 32_000, 60_000, 60_000, 60_000])
  t.equal(reconnectDelayMs(GROWING, 0, 0, 0), 2_000, 'after a healthy run')
  t.end()
})

t.test('jitter shortens the delay by at most its share', t => {
  fc.assert(
    fc.property(
      fc.nat({ max: 100 }),
      fc.double({ min: 0, max: 0.999, noNaN: true }),
      (failures, random) => {
        const full = reconnectDelayMs(GROWING, failures, 0, 0)
        const delay = reconnectDelayMs(GROWING, failures, 0, random)
        t.ok(delay <= full && delay >= full / 2)
      },
    ),
  )
  t.end()
})

t.test('reconnectDelayMs() allows at most one start per second', t => {
  const policy = { enabled: true, delayMs: 0 }
  t.equal(reconnectDelayMs(policy, 1, 0, 0), 1_000)
  t.equal(reconnectDelayMs(policy, 1, 400, 0), 600)
  t.equal(reconnectDelayMs(policy, 1, 10_000, 0), 0)
  t.end()
})
