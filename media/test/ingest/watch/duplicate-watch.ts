import t from 'tap'

import { CopyWatch } from '../../../ingest/watch/duplicate-watch.ts'

await t.test('CopyWatch tells when all frames are duplicates', t => {
  const watch = new CopyWatch()
  let frame = 0
  let dup = 0
  let nowMs = 0
  const second = (frames: number, copies: number, seconds = 1) => {
    frame += frames
    dup += copies
    nowMs += seconds * 1_000
    watch.progressed({ frame, dup }, nowMs)
    return watch.stands
  }
  t.equal(second(25, 0), false)
  for (let s = 1; s < 9; s++) t.equal(second(400, 400), false, `${s} s`)
  t.equal(second(400, 400), true)
  t.equal(second(0, 0), true, 'one that stalls still stands')
  t.equal(second(25, 24), false, 'one picture ends it')
  for (let s = 0; s < 60; s++) t.equal(second(25, 24), false, 'one a second')
  for (let s = 0; s < 60; s++) t.equal(second(0, 0), false, 'none')
  for (let s = 0; s < 10; s++) second(25, 25)
  t.equal(watch.stands, true)
  watch.begin()
  t.equal(watch.stands, false, 'a new run')
  frame = 0
  dup = 0
  for (let s = 0; s < 4; s++) {
    t.equal(second(1_800, 1_799, 30), false, 'a picture every 30 s, filled up')
  }
  for (let s = 2; s < 12; s += 2) {
    t.equal(second(6_000, 5_999, 2), s >= 10, `${s} s of FFmpeg 5.1`)
  }
  t.equal(second(15, 0), false)
  t.equal(second(54_009, 54_000, 15), true, 'a leap of an hour, filled at once')
  t.equal(second(15, 0), false)
  t.end()
})
