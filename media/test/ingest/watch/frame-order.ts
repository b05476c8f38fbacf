import t from 'tap'

import { FrameOrder } from '../../../ingest/watch/frame-order.ts'

const CLOCK_RATE = 90_000
const ticks = (seconds: number) => Math.round(seconds * CLOCK_RATE)
const wrap = (timestamp: number) => (timestamp + 2 ** 33) % 2 ** 32

/** Feeds frames of three packets each, for some seconds. */
function feed(
  order: FrameOrder,
  fps: number,
  [fromS, untilS]: readonly [number, number],
  timestamp: (index: number) => number,
) {
  for (let index = fromS * fps; index < untilS * fps; index++) {
    for (let part = 0; part < 3; part++) {
      order.observe(wrap(timestamp(index)), (index * 1_000) / fps + part)
    }
  }
}

const orderOf = (minJumps = 1) =>
  new FrameOrder({ clockRate: CLOCK_RATE, minJumps })
/** Two B-frames between other frames, in decoding order. */
const bFrames = (index: number) => {
  return Math.floor(index / 3) * 3 + ([0, 2, 1][index % 3] ?? 0)
}

await t.test('FrameOrder detects B-frames until there are none', t => {
  for (const fps of [5, 25, 60]) {
    const order = orderOf()
    feed(order, fps, [0, 3], index => ticks(bFrames(index) / fps))
    t.equal(order.hasBFrames(3_000), true, `${fps} frames a second`)
    t.equal(order.jumps(3_000), 0)
    feed(order, fps, [3, 14], index => ticks(index / fps))
    t.equal(order.hasBFrames(14_000), false, 'no B-frames any more')
  }
  t.end()
})

await t.test('FrameOrder finds no fault in frames that are in order', t => {
  for (const fps of [1, 25, 60]) {
    const order = orderOf()
    const start = 2 ** 32 - ticks(5)
    feed(order, fps, [0, 20], index => start + ticks(index / fps))
    t.equal(order.hasBFrames(20_000), false)
    t.equal(order.jumps(20_000), 0, 'the timestamps wrap after five seconds')
  }
  t.end()
})

await t.test('FrameOrder detects B-frames from samples', t => {
  const order = orderOf()
  for (let s = 0; s < 60; s += 8) {
    feed(order, 25, [s, s + 2], index => ticks(bFrames(index) / 25))
    t.equal(order.hasBFrames((s + 2) * 1_000), true)
    t.equal(order.hasBFrames((s + 8) * 1_000), true, 'between two samples')
    t.equal(order.jumps((s + 8) * 1_000), 0)
  }
  t.end()
})

await t.test('FrameOrder forgets a jump after ten seconds', t => {
  const order = orderOf()
  const jump = (index: number) => ticks(index / 25 + (index < 100 ? 0 : 3_600))
  feed(order, 25, [0, 8], jump)
  t.equal(order.jumps(8_000), 1)
  feed(order, 25, [8, 15], jump)
  t.equal(order.jumps(15_000), 0)
  t.end()
})

await t.test('FrameOrder detects a jump between two samples', t => {
  const order = orderOf()
  feed(order, 25, [0, 2], index => ticks(index / 25))
  feed(order, 25, [8, 10], index => ticks(index / 25 - 900))
  t.equal(order.jumps(10_000), 1)
  t.end()
})

await t.test('FrameOrder ignores fewer jumps than minJumps', t => {
  const order = orderOf(3)
  const outlier = (everyS: number) => (index: number) =>
    ticks(index / 25 + (index % (25 * everyS) === 24 ? 37_440 : 0))
  feed(order, 25, [0, 10], outlier(20))
  t.equal(order.jumps(10_000), 0, 'one outlier is two jumps, there and back')
  feed(order, 25, [10, 20], outlier(2))
  t.ok(order.jumps(20_000) >= 3)
  t.end()
})

await t.test('FrameOrder counts no jump when the sender changes', t => {
  const order = orderOf()
  feed(order, 25, [0, 5], index => ticks(index / 25))
  order.begin()
  feed(order, 25, [5, 10], index => ticks(index / 25 + 12_345))
  t.equal(order.jumps(10_000), 0)
  t.end()
})
