import fc from 'fast-check'
import t from 'tap'
import type { Cell } from '../../../shared/protocol/frames.ts'
import { isBootId, isStreamId } from '../../../shared/protocol/ids.ts'
import {
  MAX_KNOWN_STREAMS,
  MAX_SERIES_PER_STREAM,
} from '../../../shared/protocol/limits.ts'
import { decodeLedger, encodeLedger } from '../../registry/ledger-json.ts'
import { applyEntry, createLedger, type Ledger } from '../../registry/ledger.ts'
import { REJECTIONS, type Rejection } from '../../registry/rejections.ts'
import { arbitrarySteps, toEntries } from '../fixtures/arbitrary-entries.ts'
import { durations, failures, requests } from '../fixtures/cells.ts'
import { BOOT, NEXT_BOOT } from '../fixtures/media.ts'
import { shownValues } from '../fixtures/shown.ts'

/** A ledger with registered streams, and ways to change it. */
function createSubject(streams: readonly string[], maxStreams = 10) {
  const ledger = createLedger('test', maxStreams)
  let boot = BOOT
  let seq = 0
  let observed = 0
  const begin = (id: string) => {
    boot = id
    seq = observed = 0
    if (isBootId(id)) applyEntry(ledger, { kind: 'boot', boot: id })
  }
  const batch = (cells: readonly Cell[], live = true) => {
    observed += cells.length
    const frame = { kind: 'batch', seq: ++seq, observed, lost: 0 } as const
    if (!isBootId(boot)) throw new TypeError(boot)
    applyEntry(ledger, {
      kind: 'batch',
      boot,
      live,
      batch: { ...frame, cells },
    })
  }
  const register = (came: readonly string[], gone: readonly string[] = []) => {
    applyEntry(ledger, {
      kind: 'streams',
      atMs: 5,
      came: came.filter(isStreamId),
      gone: gone.filter(isStreamId),
    })
  }
  begin(BOOT)
  register(streams)
  return { ledger, batch, begin, register }
}

function seriesOf(ledger: Ledger, ...parts: readonly string[]) {
  const found = [...shownValues(ledger)].filter(([key]) =>
    parts.every(part => key.includes(part)),
  )
  return found.map(([, values]) => values)
}

function valueOf(ledger: Ledger, ...parts: readonly string[]) {
  return seriesOf(ledger, ...parts).map(([value]) => value)
}

function rejections(ledger: Ledger): Partial<Record<Rejection, number>> {
  const all = REJECTIONS.map(
    reason => [reason, ledger.rejected[reason]] as const,
  )
  return Object.fromEntries(all.filter(([, count]) => count > 0))
}

t.test('applyEntry() takes the newest total of a cell', t => {
  const { ledger, batch } = createSubject(['cam'])
  batch([requests(1, 'cam', 2)])
  batch([requests(1, 'cam', 2)])
  batch([requests(1, 'cam', 7)])
  t.same(valueOf(ledger, 'requests_total'), [7])
  t.end()
})

t.test('applyEntry() rejects only the cell whose total shrinks', t => {
  const { ledger, batch } = createSubject(['cam'])
  batch([requests(1, 'cam', 5), durations(2, 'cam', 3)])
  batch([requests(1, 'cam', 4), durations(2, 'cam', 2), failures(3, 'cam', 1)])
  t.same(valueOf(ledger, 'requests_total'), [5])
  t.same(valueOf(ledger, 'ice_failures', 'timeout'), [1])
  t.same(rejections(ledger), { shrunk: 2 })
  t.end()
})

t.test('applyEntry() adds up successive cells of a series', t => {
  const { ledger, batch } = createSubject(['cam'])
  batch([requests(1, 'cam', 5)])
  batch([requests(9, 'cam', 2)])
  t.same(valueOf(ledger, 'requests_total'), [7])
  batch([requests(1, 'cam', 6)])
  t.same(valueOf(ledger, 'requests_total'), [7])
  t.same(rejections(ledger), { stale_cell: 1 })
  t.end()
})

t.test('applyEntry() adds up boots regardless of their cell numbers', t => {
  const { ledger, batch, begin } = createSubject(['cam'])
  batch([requests(5, 'cam', 5)])
  begin(NEXT_BOOT)
  t.same(valueOf(ledger, 'requests_total'), [5])
  batch([requests(1, 'cam', 1)])
  t.same(valueOf(ledger, 'requests_total'), [6])
  t.same(ledger.retired, [BOOT])
  t.end()
})

t.test('applyEntry() throws for a batch that is not the next one', t => {
  const { ledger, batch } = createSubject(['cam'])
  batch([])
  const boot = BOOT
  if (!isBootId(boot)) throw new TypeError(boot)
  for (const seq of [0, 1, 3]) {
    const cells = [requests(1, 'cam', 5)]
    const batch = { kind: 'batch', seq, observed: 1, lost: 0, cells } as const
    t.throws(() => {
      applyEntry(ledger, { kind: 'batch', boot, live: true, batch })
    }, /expected batch 2 of boot 1111/)
  }
  t.same(valueOf(ledger, 'requests_total'), [])
  t.end()
})

const INVALID: readonly [Rejection, Cell][] = [
  ['unknown_family', { ...requests(1, 'cam', 1), family: 'up' }],
  ['unknown_family', { ...requests(1, 'cam', 1), family: '__proto__' }],
  [
    'unknown_family',
    {
      cell: 1,
      family: 'dragonfork_webrtc_active_peers',
      labels: ['cam'],
      total: 1,
    },
  ],
  ['wrong_labels', { ...requests(1, 'cam', 1), labels: ['cam'] }],
  ['wrong_labels', requests(1, 'cam', 1, '600')],
  ['wrong_labels', requests(1, 'cam', 1, '2011')],
  ['wrong_labels', requests(1, '_overflow', 1)],
  ['wrong_labels', requests(1, 'a"b', 1)],
  ['wrong_labels', failures(1, 'cam', 1, 'boredom')],
  ['wrong_value', { ...durations(1, 'cam', 1), buckets: [1] }],
  [
    'wrong_value',
    {
      cell: 1,
      family: 'dragonfork_webrtc_ice_failures_total',
      labels: ['cam', 'timeout'],
      buckets: [1],
      sum: 1,
    },
  ],
  ['wrong_value', { ...durations(1, 'cam', 1), sum: 1e300 }],
  ['unknown_stream', requests(1, 'never-announced', 1)],
]

t.test('applyEntry() rejects cells outside the catalogue', t => {
  for (const [reason, cell] of INVALID) {
    const { ledger, batch } = createSubject(['cam'])
    const before = [...shownValues(ledger).keys()]
    batch([cell, failures(7, 'cam', 3)])
    t.same(rejections(ledger), { [reason]: 1 }, JSON.stringify(cell))
    t.same([...shownValues(ledger).keys()], before, 'no series is created')
    t.same(
      valueOf(ledger, 'ice_failures', 'timeout'),
      [3],
      'the rest of the batch counts',
    )
  }
  t.end()
})

t.test('a cell counts in full once its stream is registered', t => {
  const { ledger, batch, register } = createSubject([])
  batch([requests(1, 'cam', 4)])
  register(['cam'])
  batch([requests(1, 'cam', 5)])
  t.same(valueOf(ledger, 'requests_total'), [5])
  t.end()
})

t.test(
  'before a snapshot, cells of unknown streams count once announced',
  t => {
    const { ledger, batch, register } = createSubject([])
    batch([requests(1, 'came-and-went', 4)], false)
    t.same(valueOf(ledger, 'requests_total'), [])
    register([], ['came-and-went'])
    t.same(valueOf(ledger, 'requests_total'), [4])
    t.same(rejections(ledger), {})
    t.end()
  },
)

t.test(
  'a stream that returns continues, or starts at zero if it has expired',
  t => {
    const { ledger, batch, register } = createSubject(['cam'])
    batch([requests(1, 'cam', 4)])
    register([], ['cam'])
    register(['cam'])
    batch([requests(1, 'cam', 5)])
    t.same(valueOf(ledger, 'requests_total'), [5])
    register([], ['cam'])
    const streams = ['cam'].filter(isStreamId)
    applyEntry(ledger, { kind: 'expired', streams })
    t.equal(shownValues(ledger).size, 0)
    register(['cam'])
    t.same(valueOf(ledger, 'requests_total'), [])
    t.same(valueOf(ledger, 'ice_failures'), [0, 0, 0])
    batch([requests(2, 'cam', 1)])
    t.same(valueOf(ledger, 'requests_total'), [1])
    t.end()
  },
)

t.test('the shared series keeps the totals of expired streams', t => {
  const { ledger, batch, register } = createSubject(['one', 'two', 'video'], 1)
  batch([failures(1, 'two', 20), failures(2, 'video', 40)])
  register(['two'], ['video'])
  const streams = ['video'].filter(isStreamId)
  applyEntry(ledger, { kind: 'expired', streams })
  t.same(valueOf(ledger, 'timeout', '_overflow'), [60])
  register(['video'])
  batch([failures(3, 'video', 1)])
  t.same(valueOf(ledger, 'timeout', '_overflow'), [61])
  t.same(valueOf(ledger, 'kind="video"', '_overflow').length, 1)
  t.end()
})

t.test('a place that becomes free goes to a stream of _overflow', t => {
  const { ledger, batch, register } = createSubject(['one', 'two'], 1)
  batch([failures(1, 'two', 20), durations(2, 'two', 3)])
  register([], ['one'])
  applyEntry(ledger, { kind: 'expired', streams: ['one'].filter(isStreamId) })
  t.same(valueOf(ledger, 'timeout', '"two"'), [0], 'starts at zero')
  t.same(
    valueOf(ledger, 'timeout', '_overflow'),
    [20],
    'its growth so far stays',
  )
  register(['three'])
  batch([
    failures(1, 'two', 22),
    durations(2, 'two', 4),
    failures(3, 'three', 3),
  ])
  t.same(valueOf(ledger, 'timeout', '"two"'), [2])
  const post = 'duration_seconds{core="test",route="POST'
  t.same(seriesOf(ledger, post, '"two"')[0]?.slice(0, 2), [0, 1])
  t.same(valueOf(ledger, 'timeout', '_overflow'), [23])
  t.equal(ledger.ownStreams, 1)
  t.end()
})

t.test('a higher limit moves streams out of _overflow', t => {
  const { ledger, batch } = createSubject(['one', 'two', 'three'], 1)
  batch([failures(1, 'two', 20), failures(2, 'three', 40)])
  applyEntry(ledger, { kind: 'limit', maxStreams: 2 })
  batch([failures(1, 'two', 25), failures(2, 'three', 41)])
  t.same(valueOf(ledger, 'timeout', '"two"'), [5])
  t.same(valueOf(ledger, 'timeout', '_overflow'), [61])
  t.same(valueOf(ledger, 'timeout', '"three"'), [])
  const kept: unknown = JSON.parse(JSON.stringify(encodeLedger(ledger)))
  t.same(shownValues(decodeLedger(kept, 'test')), shownValues(ledger))
  t.end()
})

t.test(
  'a stream that was absent when a place became free gets it on return',
  t => {
    const { ledger, batch, register } = createSubject(['one', 'two'], 1)
    batch([failures(1, 'two', 20)])
    register([], ['two'])
    applyEntry(ledger, { kind: 'limit', maxStreams: 2 })
    t.same(valueOf(ledger, '"two"'), [])
    register(['two'])
    batch([failures(1, 'two', 21)])
    t.same(valueOf(ledger, 'timeout', '"two"'), [1])
    t.same(valueOf(ledger, 'timeout', '_overflow'), [20])
    t.end()
  },
)

t.test('a stream gets no more series than the limit', t => {
  const { ledger, batch } = createSubject(['cam'])
  const codes = Array.from({ length: 400 }, (_, i) => `${100 + i}`)
  batch(codes.map((code, i) => requests(i, 'cam', 1, code)))
  t.equal(shownValues(ledger).size, MAX_SERIES_PER_STREAM)
  t.equal(rejections(ledger).series_limit, ledger.rejectedSeries)
  t.ok(ledger.rejectedSeries > 100)
  t.end()
})

t.test('the ledger holds no more streams than the limit', t => {
  const { ledger, register } = createSubject([], 2)
  const ids = Array.from({ length: MAX_KNOWN_STREAMS + 5 }, (_, i) => `s${i}`)
  register(ids)
  t.equal(ledger.streams.size, MAX_KNOWN_STREAMS)
  register([], ids)
  const streams = ids.filter(isStreamId)
  applyEntry(ledger, { kind: 'expired', streams })
  t.equal(ledger.streams.size, 0)
  t.equal(ledger.ownStreams, 0)
  t.end()
})

t.test(
  'a count of observations that shrinks is rejected, the batch counts',
  t => {
    const { ledger, batch, begin } = createSubject(['cam'])
    batch([requests(1, 'cam', 1), requests(2, 'cam', 1, '404')])
    begin(BOOT)
    const boot = BOOT
    if (!isBootId(boot)) throw new TypeError(boot)
    const frame = { kind: 'batch', seq: 2, observed: 1, lost: 0 } as const
    const cells = [requests(1, 'cam', 9)]
    applyEntry(ledger, {
      kind: 'batch',
      boot,
      live: true,
      batch: { ...frame, cells },
    })
    t.equal(ledger.observed.current, 2)
    t.same(rejections(ledger), { shrunk: 1 })
    t.same(valueOf(ledger, 'requests_total', '201'), [9])
    t.end()
  },
)

t.test('duplicates in any order give the same totals', t => {
  const reported = fc.array(
    fc.record({ cell: fc.nat(4), total: fc.integer({ min: 1, max: 99 }) }),
    { maxLength: 40 },
  )
  fc.assert(
    fc.property(reported, fc.integer({ min: 1, max: 7 }), (totals, size) => {
      const { ledger, batch } = createSubject(['cam'])
      const reasons = ['timeout', 'disconnected', 'failed']
      const cells = totals.map(({ cell, total }) => {
        const code = `${200 + cell}`
        return reasons[cell] === undefined
          ? requests(cell, 'cam', total, code)
          : failures(cell, 'cam', total, reasons[cell])
      })
      for (let at = 0; at < cells.length; at += size) {
        batch(cells.slice(at, at + size))
      }
      const highest = (cell: number) =>
        Math.max(0, ...totals.filter(x => x.cell === cell).map(x => x.total))
      for (const [cell, reason] of reasons.entries()) {
        const [value] = valueOf(ledger, 'ice_failures', `"${reason}"`)
        if (value !== highest(cell)) return false
      }
      return [3, 4].every(cell => {
        const [value] = valueOf(ledger, `code="${200 + cell}"`)
        return (value ?? 0) === highest(cell)
      })
    }),
  )
  t.end()
})

t.test('no exposed number ever decreases, whatever is applied', t => {
  fc.assert(
    fc.property(arbitrarySteps, steps => {
      const ledger = createLedger('test', 2)
      let before = shownValues(ledger)
      for (const entry of toEntries(steps)) {
        applyEntry(ledger, entry)
        const after = shownValues(ledger)
        for (const [key, values] of before) {
          const now = after.get(key)
          if (now === undefined) return false
          if (values.some((value, i) => (now[i] ?? -1) < value)) return false
        }
        before = after
      }
      return true
    }),
    { numRuns: 500 },
  )
  t.end()
})
