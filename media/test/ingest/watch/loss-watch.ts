import t from 'tap'

import { LossWatch } from '../../../ingest/watch/loss-watch.ts'

/** Fifty packets a second, without those that `isLost`. */
function run(
  watch: LossWatch,
  fromS: number,
  untilS: number,
  isLost: (index: number) => boolean = () => false,
) {
  const told: string[] = []
  for (let s = fromS; s < untilS; s++) {
    for (let index = s * 50; index < (s + 1) * 50; index++) {
      if (!isLost(index)) watch.packet(index % 65_536, index * 20)
    }
    const isLossy = watch.share((s + 1) * 1_000) > 0
    const word = isLossy ? 'lossy' : 'well'
    if (told.at(-1)?.startsWith(word) !== true) told.push(`${word} at ${s + 1}`)
  }
  return told
}

await t.test('LossWatch tells losses of more than one percent', t => {
  const watch = new LossWatch()
  t.same(
    run(watch, 0, 60, index => index % 33 === 32),
    ['well at 1', 'lossy at 2'],
  )
  t.equal(watch.share(60_000).toFixed(3), '0.030')
  const told = run(watch, 60, 90)
  t.equal(told[0], 'lossy at 61')
  t.match(told[1], /^well at (69|70)$/, 'until they end')
  t.equal(told.length, 2)
  t.end()
})

await t.test('LossWatch lets less be', t => {
  t.same(run(new LossWatch(), 0, 1_500), ['well at 1'], 'none, also around')
  t.same(
    run(new LossWatch(), 0, 100, index => index % 150 === 149),
    ['well at 1'],
  )
  t.same(
    run(new LossWatch(), 0, 20, index => index === 100),
    ['well at 1'],
    'one alone',
  )
  t.end()
})

await t.test('LossWatch does not waver at the threshold', t => {
  // Just over one percent, then just under.
  const told = run(new LossWatch(), 0, 60, index =>
    index < 1_500 ? index % 90 === 89 : index % 120 === 119,
  )
  t.equal(told.filter(word => word.startsWith('lossy')).length, 1)
  t.equal(told.length, 2)
  t.end()
})

await t.test('LossWatch takes late packets for no loss', t => {
  const watch = new LossWatch()
  for (let index = 0; index < 1_000; index++) {
    const swapped =
      index % 10 === 5 ? index + 4 : index % 10 === 9 ? index - 4 : index
    const isInOrder = watch.packet(swapped, index * 20)
    t.equal(isInOrder, ![6, 7, 8, 9].includes(index % 10))
  }
  t.equal(watch.share(20_000), 0)
  t.end()
})

await t.test('LossWatch takes another sender for no loss', t => {
  const watch = new LossWatch()
  run(watch, 0, 5)
  watch.begin()
  for (let index = 0; index < 100; index++) {
    watch.packet(1_000 + index, 5_000 + index * 20)
  }
  // One that starts again under the same name.
  for (let index = 0; index < 100; index++) {
    watch.packet(40_000 + index, 7_000 + index * 20)
  }
  t.equal(watch.share(10_000), 0)
  t.end()
})
