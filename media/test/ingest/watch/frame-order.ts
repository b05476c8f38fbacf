import t from 'tap'

import { FrameOrder } from '../../../ingest/watch/frame-order.ts'

const CLOCK_RATE = 90_000
const ticks = (seconds: number) => Math.round(seconds * CLOCK_RATE)
const around = (timestamp: number) => (timestamp + 2 ** 33) % 2 ** 32

/** So many frames a second, each of three packets, for some seconds. */
function feed(
  order: FrameOrder,
  fps: number,
  [fromS, untilS]: readonly [number, number],
  timestamp: (index: number) => number,
) {
  for (let index = fromS * fps; index < untilS * fps; index++) {
    for (let part = 0; part < 3; part++) {
      order.packet(around(timestamp(index)), (index * 1_000) / fps + part)
    }
  }
}

const orderOf = (leaps = 1) => new FrameOrder({ clockRate: CLOCK_RATE, leaps })
/** Two B-frames between others. */
const bFrames = (index: number) => {
  return Math.floor(index / 3) * 3 + ([0, 2, 1][index % 3] ?? 0)
}

await t.test('FrameOrder sees B-frames', t => {
  for (const fps of [5, 25, 60]) {
    const order = orderOf()
    feed(order, fps, [0, 3], index => ticks(bFrames(index) / fps))
    t.equal(order.hasBFrames(3_000), true, `${fps} a second`)
    t.equal(order.leaps(3_000), 0)
    feed(order, fps, [3, 14], index => ticks(index / fps))
    t.equal(order.hasBFrames(14_000), false, 'until there are none')
  }
  t.end()
})

await t.test('FrameOrder sees none where there are none', t => {
  for (const fps of [1, 25, 60]) {
    const order = orderOf()
    const start = 2 ** 32 - ticks(5)
    feed(order, fps, [0, 20], index => start + ticks(index / fps))
    t.equal(order.hasBFrames(20_000), false)
    t.equal(order.leaps(20_000), 0, 'also around 32 bit')
  }
  t.end()
})

await t.test('FrameOrder sees them in samples', t => {
  const order = orderOf()
  for (let s = 0; s < 60; s += 8) {
    feed(order, 25, [s, s + 2], index => ticks(bFrames(index) / 25))
    t.equal(order.hasBFrames((s + 2) * 1_000), true)
    t.equal(order.hasBFrames((s + 8) * 1_000), true, 'and in between')
    t.equal(order.leaps((s + 8) * 1_000), 0)
  }
  t.end()
})

await t.test('FrameOrder counts leaps of ten seconds', t => {
  const order = orderOf()
  const leap = (index: number) => ticks(index / 25 + (index < 100 ? 0 : 3_600))
  feed(order, 25, [0, 8], leap)
  t.equal(order.leaps(8_000), 1)
  feed(order, 25, [8, 15], leap)
  t.equal(order.leaps(15_000), 0)
  t.end()
})

await t.test('FrameOrder sees a leap between two samples', t => {
  const order = orderOf()
  feed(order, 25, [0, 2], index => ticks(index / 25))
  feed(order, 25, [8, 10], index => ticks(index / 25 - 900))
  t.equal(order.leaps(10_000), 1)
  t.end()
})

await t.test('FrameOrder lets a leap or two be, where they are repaired', t => {
  const order = orderOf(3)
  const wild = (everyS: number) => (index: number) =>
    ticks(index / 25 + (index % (25 * everyS) === 24 ? 37_440 : 0))
  feed(order, 25, [0, 10], wild(20))
  t.equal(order.leaps(10_000), 0, 'one wild frame goes and comes back')
  feed(order, 25, [10, 20], wild(2))
  t.ok(order.leaps(20_000) >= 3)
  t.end()
})

await t.test('FrameOrder takes another sender for no leap', t => {
  const order = orderOf()
  feed(order, 25, [0, 5], index => ticks(index / 25))
  order.begin()
  feed(order, 25, [5, 10], index => ticks(index / 25 + 12_345))
  t.equal(order.leaps(10_000), 0)
  t.end()
})
