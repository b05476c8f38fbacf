import t from 'tap'

import { DuplicateWatch } from '../../../ingest/watch/duplicate-watch.ts'

await t.test('DuplicateWatch reports a frozen picture', t => {
  const watch = new DuplicateWatch()
  let frame = 0
  let dup = 0
  let nowMs = 0
  const report = (frames: number, duplicates: number, seconds = 1) => {
    frame += frames
    dup += duplicates
    nowMs += seconds * 1_000
    watch.progressed({ frame, dup }, nowMs)
    return watch.isFrozen
  }
  t.equal(report(25, 0), false)
  for (let s = 1; s < 9; s++) t.equal(report(400, 400), false, `${s} s`)
  t.equal(report(400, 400), true)
  t.equal(report(0, 0), true, 'a stall does not end it')
  t.equal(report(25, 24), false, 'one picture ends it')
  for (let s = 0; s < 60; s++) t.equal(report(25, 24), false, 'one a second')
  for (let s = 0; s < 60; s++) t.equal(report(0, 0), false, 'no frames at all')
  for (let s = 0; s < 10; s++) report(25, 25)
  t.equal(watch.isFrozen, true)
  watch.begin()
  t.equal(watch.isFrozen, false, 'a new run')
  frame = 0
  dup = 0
  for (let s = 0; s < 4; s++) {
    t.equal(
      report(1_800, 1_799, 30),
      false,
      'a picture every 30 s, filled with duplicates',
    )
  }
  for (let s = 2; s < 12; s += 2) {
    t.equal(report(6_000, 5_999, 2), s >= 10, `${s} s of FFmpeg 5.1`)
  }
  t.equal(report(15, 0), false)
  t.equal(report(54_009, 54_000, 15), true, 'an hour of duplicates at once')
  t.equal(report(15, 0), false)
  t.end()
})
