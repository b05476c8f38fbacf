import t from 'tap'

import { CopyWatch } from '../../ingest/copy-watch.ts'

await t.test('CopyWatch tells when all frames are copies', t => {
  const watch = new CopyWatch()
  let frame = 0
  let dup = 0
  let nowMs = 0
  const second = (frames: number, copies: number) => {
    frame += frames
    dup += copies
    nowMs += 1_000
    watch.progressed({ frame, dup }, nowMs)
    return watch.stands
  }
  t.equal(second(25, 0), false)
  for (let s = 1; s < 10; s++) t.equal(second(400, 400), false, `${s} s`)
  t.equal(second(400, 400), true)
  t.equal(second(0, 0), true, 'one that stalls still stands')
  t.equal(second(25, 24), false, 'one picture ends it')
  for (let s = 0; s < 60; s++) t.equal(second(25, 24), false, 'one a second')
  for (let s = 0; s < 60; s++) t.equal(second(0, 0), false, 'none')
  for (let s = 0; s < 10; s++) second(25, 25)
  t.equal(watch.stands, true)
  watch.begin()
  t.equal(watch.stands, false, 'a new run')
  t.end()
})
