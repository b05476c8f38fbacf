import t from 'tap'

import { LossWatch } from '../../../ingest/watch/loss-watch.ts'

/**
 * Feeds fifty packets a second, except those that `isLost`, and returns when
 * the verdict changed.
 */
function run(
  watch: LossWatch,
  fromS: number,
  untilS: number,
  isLost: (index: number) => boolean = () => false,
) {
  const verdicts: string[] = []
  for (let s = fromS; s < untilS; s++) {
    for (let index = s * 50; index < (s + 1) * 50; index++) {
      if (!isLost(index)) watch.observe(index % 65_536, index * 20)
    }
    const isLossy = watch.share((s + 1) * 1_000) > 0
    const verdict = isLossy ? 'lossy' : 'good'
    if (verdicts.at(-1)?.startsWith(verdict) !== true) {
      verdicts.push(`${verdict} at ${s + 1}`)
    }
  }
  return verdicts
}

await t.test('LossWatch reports a loss of more than one percent', t => {
  const watch = new LossWatch()
  t.same(
    run(watch, 0, 60, index => index % 33 === 32),
    ['good at 1', 'lossy at 2'],
  )
  t.equal(watch.share(60_000).toFixed(3), '0.030')
  const verdicts = run(watch, 60, 90)
  t.equal(verdicts[0], 'lossy at 61')
  t.match(verdicts[1], /^good at (69|70)$/, 'ten seconds after the loss')
  t.equal(verdicts.length, 2)
  t.end()
})

await t.test('LossWatch tolerates a smaller loss', t => {
  t.same(run(new LossWatch(), 0, 1_500), ['good at 1'], 'none, across a wrap')
  t.same(
    run(new LossWatch(), 0, 100, index => index % 150 === 149),
    ['good at 1'],
  )
  t.same(
    run(new LossWatch(), 0, 20, index => index === 100),
    ['good at 1'],
    'a single packet',
  )
  t.end()
})

await t.test('LossWatch does not flap at the threshold', t => {
  // Just over one percent, then just under.
  const verdicts = run(new LossWatch(), 0, 60, index =>
    index < 1_500 ? index % 90 === 89 : index % 120 === 119,
  )
  t.equal(verdicts.filter(verdict => verdict.startsWith('lossy')).length, 1)
  t.equal(verdicts.length, 2)
  t.end()
})

await t.test('LossWatch does not count late packets as lost', t => {
  const watch = new LossWatch()
  for (let index = 0; index < 1_000; index++) {
    const swapped =
      index % 10 === 5 ? index + 4 : index % 10 === 9 ? index - 4 : index
    const isInOrder = watch.observe(swapped, index * 20)
    t.equal(isInOrder, ![6, 7, 8, 9].includes(index % 10))
  }
  t.equal(watch.share(20_000), 0)
  t.end()
})

await t.test('LossWatch counts no loss when the sender changes', t => {
  const watch = new LossWatch()
  run(watch, 0, 5)
  watch.begin()
  for (let index = 0; index < 100; index++) {
    watch.observe(1_000 + index, 5_000 + index * 20)
  }
  // The same sender, restarted.
  for (let index = 0; index < 100; index++) {
    watch.observe(40_000 + index, 7_000 + index * 20)
  }
  t.equal(watch.share(10_000), 0)
  t.end()
})
