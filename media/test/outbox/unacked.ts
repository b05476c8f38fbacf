import fc from 'fast-check'
import t from 'tap'

import {
  CATALOGUE,
  type Observation,
} from '../../../shared/protocol/catalogue.ts'
import {
  encodeFrame,
  isHistogramCell,
  type Batch,
} from '../../../shared/protocol/frames.ts'
import {
  MAX_CELLS_PER_BATCH,
  MAX_FRAME_BYTES,
} from '../../../shared/protocol/limits.ts'
import { iceDuration, legFailure } from './fixtures/outbox.ts'
import { addUntyped, newUnacked, take } from './fixtures/unacked.ts'

t.test('a batch carries totals, not increments', t => {
  const { unacked } = newUnacked()
  unacked.add(legFailure('cam'))
  t.match(take(unacked), { seq: 1, observed: 1, cells: [{ total: 1 }] })
  unacked.add(legFailure('cam'))
  t.match(take(unacked), {
    seq: 2,
    observed: 2,
    cells: [{ cell: 1, total: 2 }],
  })
  t.equal(unacked.takeBatch(), undefined, 'nothing is dirty afterwards')
  t.end()
})

t.test('add() returns true once per batch, not per observation', t => {
  const { unacked } = newUnacked()
  let first = 0
  const add = () => {
    if (unacked.add(legFailure('cam'))) first += 1
  }
  for (let i = 0; i < 100; i += 1) add()
  t.equal(first, 1)
  take(unacked)
  add()
  t.equal(first, 2)
  t.end()
})

t.test('many series go out in several batches, longest waiting first', t => {
  const { unacked } = newUnacked()
  const ids = Array.from({ length: 2500 }, (_, i) => `s${i}`)
  for (const id of ids) unacked.add(legFailure(id))
  const first = take(unacked)
  t.equal(first.cells.length, MAX_CELLS_PER_BATCH)
  unacked.add(legFailure('s0'))
  const rest = [...take(unacked).cells, ...take(unacked).cells]
  t.equal(rest.length, 1501)
  t.strictSame(
    rest.at(-1)?.labels,
    ['s0', 'video'],
    'a series that changed again goes last',
  )
  t.equal(unacked.takeBatch(), undefined)
  t.end()
})

t.test('the largest possible batch fits into a frame', t => {
  const { unacked } = newUnacked()
  const name = 'dragonfork_webrtc_whep_request_duration_seconds'
  const routes = CATALOGUE[name].labels
  t.strictSame(routes, ['route', 'stream_id'])
  for (let i = 0; i < MAX_CELLS_PER_BATCH; i += 1) {
    const id = `${'x'.repeat(124)}${String(i).padStart(4, '0')}`
    unacked.add({
      family: name,
      labels: { route: 'DELETE /api/v3/whep/{id}/{r}', stream_id: id },
      value: Math.PI / 10,
    })
  }
  const batch = take(unacked)
  const full = {
    ...batch,
    seq: Number.MAX_SAFE_INTEGER,
    cells: batch.cells.map(cell => ({
      ...cell,
      cell: Number.MAX_SAFE_INTEGER,
      buckets: Array<number>(9).fill(Number.MAX_SAFE_INTEGER),
    })),
  }
  t.equal(full.cells.length, MAX_CELLS_PER_BATCH)
  t.ok(Buffer.byteLength(encodeFrame(full)) < MAX_FRAME_BYTES)
  t.end()
})

t.test('resume() resends what was sent after the given seq', t => {
  const { unacked } = newUnacked()
  unacked.add(legFailure('a'))
  take(unacked)
  unacked.add(legFailure('b'))
  take(unacked)
  unacked.resume(1)
  t.match(take(unacked), { seq: 2, cells: [{ labels: ['b', 'video'] }] })
  unacked.resume(0)
  t.match(take(unacked), { seq: 1, cells: [{}, {}] })
  unacked.resume(1)
  t.equal(unacked.isDirty, false)
  t.end()
})

t.test('resume() at a seq before the last ack resends everything', t => {
  const { unacked } = newUnacked()
  const sendTo = (seq: number) => {
    while ((unacked.lastSeq ?? 0) < seq) {
      unacked.add(legFailure('busy'))
      unacked.acknowledge(take(unacked).seq)
    }
  }
  unacked.add(legFailure('quiet'))
  sendTo(2)
  // The exporter restarts without its state file, and later with it again.
  unacked.resume(0)
  sendTo(5)
  unacked.resume(2)
  t.match(take(unacked), {
    seq: 3,
    cells: [{ labels: ['quiet', 'video'] }, { labels: ['busy', 'video'] }],
  })
  t.end()
})

t.test('resume() at a seq that was never sent resends everything', t => {
  const { unacked } = newUnacked()
  unacked.add(legFailure('a'))
  take(unacked)
  unacked.resume(77)
  t.match(take(unacked), { seq: 78, cells: [{ labels: ['a', 'video'] }] })
  t.end()
})

t.test('resume() resends the count of lost observations too', t => {
  const { unacked } = newUnacked()
  addUntyped(unacked, undefined)
  t.match(take(unacked), { seq: 1, lost: 1, cells: [] })
  unacked.resume(0)
  t.match(take(unacked), { seq: 1, lost: 1, cells: [] })
  t.end()
})

/** Events between media process and exporter, as Unacked sees them. */
const step = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constant('report' as const),
      stream: fc.constantFrom('a', 'b', 'c'),
      value: fc.integer({ min: 0, max: 44 }),
      times: fc.integer({ min: 1, max: 5 }),
    }),
  },
  { weight: 3, arbitrary: fc.constant({ do: 'batch' } as const) },
  { weight: 1, arbitrary: fc.constant({ do: 'batch lost' } as const) },
  { weight: 1, arbitrary: fc.constant({ do: 'ack lost' } as const) },
  { weight: 1, arbitrary: fc.constant({ do: 'exporter forgets' } as const) },
  { weight: 1, arbitrary: fc.constant({ do: 'exporter rolls back' } as const) },
)

t.test('totals are exact after any history of losses', t => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), steps => {
      const { unacked } = newUnacked()
      const oracle = new Map<string, number>()
      let kept = { seq: 0, totals: new Map<string, number>(), observed: 0 }
      let before = kept
      const apply = ({ seq, cells: changed, observed }: Batch) => {
        before = kept
        const totals = new Map(kept.totals)
        for (const cell of changed) totals.set(...shownOf(cell))
        kept = { seq, totals, observed }
      }
      for (const now of steps) {
        if (now.do === 'report') {
          for (let i = 0; i < now.times; i += 1) {
            for (const one of bothOf(now.stream, now.value / 4)) {
              unacked.add(one)
              const [key, add] = weightOf(one)
              oracle.set(key, (oracle.get(key) ?? 0) + add)
            }
          }
          continue
        }
        const batch = now.do.startsWith('exporter')
          ? undefined
          : unacked.takeBatch()
        if (batch && now.do !== 'batch lost') apply(batch)
        if (now.do === 'exporter forgets') {
          before = kept = { seq: 0, totals: new Map(), observed: 0 }
        }
        if (now.do === 'exporter rolls back') kept = before
        if (batch && now.do === 'batch') unacked.acknowledge(batch.seq)
        else unacked.resume(kept.seq)
      }
      for (;;) {
        const batch = unacked.takeBatch()
        if (batch === undefined) break
        if (batch.seq !== kept.seq + 1) return false
        apply(batch)
        unacked.acknowledge(batch.seq)
      }
      const total = [...oracle].every(
        ([key, value]) => kept.totals.get(key) === value,
      )
      return total && kept.totals.size === oracle.size && unacked.allAcked
    }),
    { numRuns: 500 },
  )
  t.pass('500 histories')
  t.end()
})

function bothOf(stream: string, value: number): readonly Observation[] {
  return [legFailure(stream), iceDuration(stream, value)]
}

/** A cell as one number; values are quarters, so sums are exact. */
function shownOf(cell: Batch['cells'][number]): [string, number] {
  const key = [cell.family, ...cell.labels].join('|')
  if (!isHistogramCell(cell)) return [key, cell.total]
  const count = cell.buckets.reduce((sum, bucket) => sum + bucket, 0)
  return [key, count * 1000 + cell.sum]
}

function weightOf(one: Observation): [string, number] {
  const { stream_id: id } = one.labels
  return 'value' in one
    ? [`${one.family}|${id}|connected`, 1000 + one.value]
    : [`${one.family}|${id}|video`, 1]
}
