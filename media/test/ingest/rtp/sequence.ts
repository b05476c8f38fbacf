import t from 'tap'

import { nextSequence, type SequenceRun } from '../../../ingest/rtp/sequence.ts'

await t.test(
  'nextSequence() continues after the packets counted, plus a margin',
  t => {
    const first = nextSequence(undefined, { received: 0, lost: 0 })
    const run: SequenceRun = { first, before: { received: 100, lost: 2 } }
    t.equal(
      nextSequence(run, { received: 600, lost: 5 }),
      first + 500 + 3 + 300,
    )
    t.end()
  },
)

await t.test('nextSequence() wraps after 65535', t => {
  const run = { first: 65_000, before: { received: 0, lost: 0 } }
  t.equal(nextSequence(run, { received: 1_000, lost: 0 }), 764)
  t.end()
})

await t.test('nextSequence() does not advance if no packet arrived', t => {
  const run = { first: 500, before: { received: 70, lost: 0 } }
  t.equal(nextSequence(run, { received: 70, lost: 300 }), 500)
  t.end()
})

await t.test('nextSequence() never goes back when the loss count falls', t => {
  const run = { first: 500, before: { received: 70, lost: 10 } }
  t.equal(nextSequence(run, { received: 80, lost: 0 }), 810)
  t.end()
})
