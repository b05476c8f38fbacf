import t from 'tap'

import { LimitWatch, NO_USAGE } from '../../ffmpeg/limits.ts'

const HALF_A_CORE = { cpuPercent: 50, memoryBytes: 0, waitForMs: 2_000 }

t.test('LimitWatch reports a limit exceeded for longer than waitForMs', t => {
  const watch = new LimitWatch(HALF_A_CORE)
  const usage = { cpuPercent: 51, memoryBytes: 1e12 }
  t.equal(watch.check(0, usage), undefined)
  t.equal(watch.check(1_999, usage), undefined)
  t.match(watch.check(2_000, usage), /51% CPU, limit is 50, tolerated for 2 s/)
  t.end()
})

t.test('LimitWatch restarts the time when usage falls below the limit', t => {
  const watch = new LimitWatch(HALF_A_CORE)
  const usage = { cpuPercent: 51, memoryBytes: 0 }
  t.equal(watch.check(0, usage), undefined)
  t.equal(watch.check(1_000, { ...usage, cpuPercent: 50 }), undefined)
  t.equal(watch.check(2_000, usage), undefined)
  t.match(watch.check(4_000, usage), /51% CPU/)
  t.end()
})

t.test('LimitWatch never reports a limit of 0', t => {
  const watch = new LimitWatch({ cpuPercent: 0, memoryBytes: 0, waitForMs: 0 })
  t.equal(watch.check(0, { cpuPercent: 1e6, memoryBytes: 1e15 }), undefined)
  t.equal(watch.check(0, NO_USAGE), undefined)
  t.end()
})
