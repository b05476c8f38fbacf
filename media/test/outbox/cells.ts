import fc from 'fast-check'
import t from 'tap'

import {
  CATALOGUE,
  DURATION_BUCKETS,
  type Observation,
} from '../../../shared/catalogue.ts'
import {
  decodeSourceFrame,
  encodeFrame,
  isHistogramCell,
  type Batch,
} from '../../../shared/frames.ts'
import {
  MAX_CELLS_PER_BATCH,
  MAX_FRAME_BYTES,
  SERIES_RETENTION_MS,
} from '../../../shared/limits.ts'
import { Cells } from '../../outbox/cells.ts'
import { iceDuration, legFailure } from './fixtures/outbox.ts'

function newCells(limit?: number) {
  let owed = 0
  let newStreams = 0
  const cells = new Cells({
    onOwed: () => (owed += 1),
    onNewStream: () => (newStreams += 1),
    ...(limit && { limit }),
  })
  return { cells, owed: () => owed, newStreams: () => newStreams }
}

function take(cells: Cells): Batch {
  const batch = cells.takeBatch()
  if (batch === undefined) throw new Error('Cannot take: nothing is owed')
  return batch
}

/** Adds as a caller without types does. */
function addUntyped(cells: Cells, thing: unknown): void {
  const add: unknown = Reflect.get(cells, 'add')
  if (typeof add === 'function') Reflect.apply(add, cells, [thing])
}

t.test('a batch carries totals, not what changed', t => {
  const { cells } = newCells()
  cells.add(legFailure('cam'))
  t.match(take(cells), { seq: 1, observed: 1, cells: [{ total: 1 }] })
  cells.add(legFailure('cam'))
  t.match(take(cells), { seq: 2, observed: 2, cells: [{ cell: 1, total: 2 }] })
  t.equal(cells.takeBatch(), undefined, 'then nothing is owed')
  t.end()
})

t.test('a value counts in the first bucket that it does not exceed', t => {
  const { cells } = newCells()
  for (const bound of DURATION_BUCKETS) cells.add(iceDuration('cam', bound))
  cells.add(iceDuration('cam', 0))
  cells.add(iceDuration('cam', 10.001))
  const [cell] = take(cells).cells
  t.ok(cell && isHistogramCell(cell))
  t.match(cell, { buckets: [2, 1, 1, 1, 1, 1, 1, 1, 1] })
  t.end()
})

t.test('onOwed is called once for a batch, not for an observation', t => {
  const { cells, owed } = newCells()
  for (let i = 0; i < 100; i += 1) cells.add(legFailure('cam'))
  t.equal(owed(), 1)
  take(cells)
  cells.add(legFailure('cam'))
  t.equal(owed(), 2)
  t.end()
})

t.test('what is not of the catalogue is lost, counted, and never throws', t => {
  const { cells } = newCells()
  const { family, labels } = iceDuration('cam', 1)
  const nonsense: readonly unknown[] = [
    undefined,
    null,
    7,
    'dragonfork',
    {},
    { family: '__proto__', labels: {} },
    {
      family: 'dragonfork_webrtc_active_peers',
      labels: { stream_id: 'cam' },
    },
    { family, labels: undefined, value: 1 },
    { family, labels: { stream_id: 'cam' }, value: 1 },
    { family, labels: { ...labels, result: 'maybe' }, value: 1 },
    { family, labels: { ...labels, stream_id: 'no id' }, value: 1 },
    { family, labels: { ...labels, stream_id: '_overflow' }, value: 1 },
    { family, labels: { ...labels, stream_id: ['cam'] }, value: 1 },
    { family, labels: { ...labels, stream_id: Symbol('cam') }, value: 1 },
    { family, labels },
    ...[NaN, -1, Infinity, '1', 1n, {}].map(value => ({
      family,
      labels,
      value,
    })),
    {
      get family() {
        throw new Error('read')
      },
    },
    new Proxy(
      {},
      {
        has: () => {
          throw new Error('asked')
        },
        get: () => family,
      },
    ),
  ]
  for (const thing of nonsense) addUntyped(cells, thing)
  t.match(take(cells), {
    observed: nonsense.length,
    lost: nonsense.length,
    cells: [],
  })
  t.end()
})

t.test('a sum that would not be finite is lost', t => {
  const { cells } = newCells()
  cells.add(iceDuration('cam', Number.MAX_VALUE))
  cells.add(iceDuration('cam', Number.MAX_VALUE))
  const batch = take(cells)
  t.equal(batch.lost, 1)
  t.doesNotThrow(() => decodeSourceFrame(encodeFrame(batch)))
  t.end()
})

t.test('observations of series beyond the limit are lost, others count', t => {
  const { cells } = newCells(2)
  for (const id of ['a', 'b', 'c', 'a']) cells.add(legFailure(id))
  t.match(take(cells), {
    observed: 4,
    lost: 1,
    cells: [{ total: 2 }, { total: 1 }],
  })
  t.end()
})

t.test('many cells go in several batches, longest waiting first', t => {
  const { cells } = newCells()
  const ids = Array.from({ length: 2500 }, (_, i) => `s${i}`)
  for (const id of ids) cells.add(legFailure(id))
  const first = take(cells)
  t.equal(first.cells.length, MAX_CELLS_PER_BATCH)
  cells.add(legFailure('s0'))
  const rest = [...take(cells).cells, ...take(cells).cells]
  t.equal(rest.length, 1501)
  t.strictSame(rest.at(-1)?.labels, ['s0', 'video'], 'who changed again waits')
  t.equal(cells.takeBatch(), undefined)
  t.end()
})

t.test('the fullest batch fits into a frame', t => {
  const { cells } = newCells()
  const name = 'dragonfork_webrtc_whep_request_duration_seconds'
  const routes = CATALOGUE[name].labels
  t.strictSame(routes, ['route', 'stream_id'])
  for (let i = 0; i < MAX_CELLS_PER_BATCH; i += 1) {
    const id = `${'x'.repeat(124)}${String(i).padStart(4, '0')}`
    cells.add({
      family: name,
      labels: { route: 'DELETE /api/v3/whep/{id}/{r}', stream_id: id },
      value: Math.PI / 10,
    })
  }
  const batch = take(cells)
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

t.test('resume() owes what was sent after the seq that was kept', t => {
  const { cells } = newCells()
  cells.add(legFailure('a'))
  take(cells)
  cells.add(legFailure('b'))
  take(cells)
  cells.resume(1)
  t.match(take(cells), { seq: 2, cells: [{ labels: ['b', 'video'] }] })
  cells.resume(0)
  t.match(take(cells), { seq: 1, cells: [{}, {}] })
  cells.resume(1)
  t.equal(cells.owes, false)
  t.end()
})

t.test('resume() at a seq of a count before this one owes everything', t => {
  const { cells } = newCells()
  const sendTo = (seq: number) => {
    while (cells.lastSeq < seq) {
      cells.add(legFailure('busy'))
      cells.acknowledge(take(cells).seq)
    }
  }
  cells.add(legFailure('quiet'))
  sendTo(2)
  // An exporter without its state file, then the first one with it again.
  cells.resume(0)
  sendTo(5)
  cells.resume(2)
  t.match(take(cells), {
    seq: 3,
    cells: [{ labels: ['quiet', 'video'] }, { labels: ['busy', 'video'] }],
  })
  t.end()
})

t.test('resume() at a seq that was never sent owes everything', t => {
  const { cells } = newCells()
  cells.add(legFailure('a'))
  take(cells)
  cells.resume(77)
  t.match(take(cells), { seq: 78, cells: [{ labels: ['a', 'video'] }] })
  t.end()
})

t.test('lost observations alone are owed again too', t => {
  const { cells } = newCells()
  addUntyped(cells, undefined)
  t.match(take(cells), { seq: 1, lost: 1, cells: [] })
  cells.resume(0)
  t.match(take(cells), { seq: 1, lost: 1, cells: [] })
  t.end()
})

t.test('a stream gone for the retention time starts anew', t => {
  const { cells } = newCells()
  const here = new Set(['cam', 'other'])
  const away = new Set(['other'])
  cells.add(legFailure('cam'))
  cells.add(legFailure('_unknown'))
  cells.add(legFailure('other'))
  cells.acknowledge(take(cells).seq)
  cells.retire(here, 0)
  cells.retire(away, 1_000)
  cells.retire(here, 2_000)
  cells.retire(away, 3_000)
  cells.retire(away, 3_000 + SERIES_RETENTION_MS - 1)
  cells.add(legFailure('cam'))
  t.match(take(cells).cells, [{ cell: 1, total: 2 }], 'gone for less')
  cells.acknowledge(2)
  cells.retire(here, 3_000 + SERIES_RETENTION_MS)
  for (const id of ['cam', 'other', '_unknown']) cells.add(legFailure(id))
  t.match(take(cells).cells, [
    { cell: 4, total: 1, labels: ['cam', 'video'] },
    { cell: 3, total: 2, labels: ['other', 'video'] },
    { cell: 2, total: 2, labels: ['_unknown', 'video'] },
  ])
  t.end()
})

t.test('a cell that the exporter does not have is not retired', t => {
  const { cells } = newCells()
  cells.add(legFailure('cam'))
  const none = new Set<string>()
  cells.retire(none, 0)
  cells.retire(none, SERIES_RETENTION_MS)
  t.match(take(cells), { seq: 1, cells: [{ cell: 1 }] })
  cells.retire(none, SERIES_RETENTION_MS + 1)
  cells.resume(0)
  t.match(take(cells), { seq: 1, cells: [{ cell: 1 }] }, 'no ack came')
  cells.acknowledge(1)
  cells.retire(none, SERIES_RETENTION_MS + 2)
  cells.resume(0)
  t.match(take(cells), { seq: 1, observed: 1, cells: [] })
  t.end()
})

t.test('retired cells make room under the limit', t => {
  const { cells } = newCells(1)
  const none = new Set<string>()
  for (const [i, id] of ['a', 'b', 'c'].entries()) {
    const nowMs = i * 2 * SERIES_RETENTION_MS
    cells.add(legFailure(id))
    cells.acknowledge(take(cells).seq)
    cells.retire(none, nowMs)
    cells.retire(none, nowMs + SERIES_RETENTION_MS)
  }
  cells.add(legFailure('d'))
  t.match(take(cells), { observed: 4, lost: 0 })
  t.end()
})

t.test('onNewStream is called for a stream that no snapshot told', t => {
  const { cells, newStreams } = newCells()
  cells.retire(new Set(['told']), 0)
  cells.add(legFailure('told'))
  cells.add(legFailure('_unknown'))
  t.equal(newStreams(), 0)
  cells.add(legFailure('new'))
  cells.add(legFailure('new'))
  t.equal(newStreams(), 1)
  t.end()
})

/** What may happen between media process and exporter, as the cells see it. */
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

t.test('any history of losses ends in exact totals', t => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), steps => {
      const { cells } = newCells()
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
              cells.add(one)
              const [key, add] = weightOf(one)
              oracle.set(key, (oracle.get(key) ?? 0) + add)
            }
          }
          continue
        }
        const batch = now.do.startsWith('exporter')
          ? undefined
          : cells.takeBatch()
        if (batch && now.do !== 'batch lost') apply(batch)
        if (now.do === 'exporter forgets') {
          before = kept = { seq: 0, totals: new Map(), observed: 0 }
        }
        if (now.do === 'exporter rolls back') kept = before
        if (batch && now.do === 'batch') cells.acknowledge(batch.seq)
        else cells.resume(kept.seq)
      }
      for (;;) {
        const batch = cells.takeBatch()
        if (batch === undefined) break
        if (batch.seq !== kept.seq + 1) return false
        apply(batch)
        cells.acknowledge(batch.seq)
      }
      const total = [...oracle].every(
        ([key, value]) => kept.totals.get(key) === value,
      )
      return total && kept.totals.size === oracle.size && cells.settled
    }),
    { numRuns: 500 },
  )
  t.pass('500 histories')
  t.end()
})

function bothOf(stream: string, value: number): readonly Observation[] {
  return [legFailure(stream), iceDuration(stream, value)]
}

/** A cell as one number, in quarters so that sums are exact. */
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
