import t from 'tap'

import { DURATION_BUCKETS } from '../../../shared/protocol/catalogue.ts'
import {
  decodeMediaFrame,
  encodeFrame,
  isHistogramCell,
} from '../../../shared/protocol/frames.ts'
import { SERIES_RETENTION_MS } from '../../../shared/protocol/limits.ts'
import { iceDuration, legFailure } from './fixtures/outbox.ts'
import { addUntyped, newUnacked, take } from './fixtures/unacked.ts'

t.test(
  'a value counts in the first bucket whose bound it does not exceed',
  t => {
    const { unacked } = newUnacked()
    for (const bound of DURATION_BUCKETS) unacked.add(iceDuration('cam', bound))
    unacked.add(iceDuration('cam', 0))
    unacked.add(iceDuration('cam', 10.001))
    const [cell] = take(unacked).cells
    t.ok(cell && isHistogramCell(cell))
    t.match(cell, { buckets: [2, 1, 1, 1, 1, 1, 1, 1, 1] })
    t.end()
  },
)

t.test(
  'add() counts observations outside the catalogue as lost and never throws',
  t => {
    const { unacked } = newUnacked()
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
            throw new Error('trap')
          },
          get: () => family,
        },
      ),
    ]
    for (const thing of nonsense) addUntyped(unacked, thing)
    t.match(take(unacked), {
      observed: nonsense.length,
      lost: nonsense.length,
      cells: [],
    })
    t.end()
  },
)

t.test('an observation that would make a sum infinite is lost', t => {
  const { unacked } = newUnacked()
  unacked.add(iceDuration('cam', Number.MAX_VALUE))
  unacked.add(iceDuration('cam', Number.MAX_VALUE))
  const batch = take(unacked)
  t.equal(batch.lost, 1)
  t.doesNotThrow(() => decodeMediaFrame(encodeFrame(batch)))
  t.end()
})

t.test(
  'observations of series beyond the limit are lost, others still count',
  t => {
    const { unacked } = newUnacked(2)
    for (const id of ['a', 'b', 'c', 'a']) unacked.add(legFailure(id))
    t.match(take(unacked), {
      observed: 4,
      lost: 1,
      cells: [{ total: 2 }, { total: 1 }],
    })
    t.end()
  },
)

t.test(
  'series of a stream gone for the retention time start at zero again',
  t => {
    const { unacked, retire } = newUnacked()
    const here = new Set(['cam', 'other'])
    const away = new Set(['other'])
    unacked.add(legFailure('cam'))
    unacked.add(legFailure('_unknown'))
    unacked.add(legFailure('other'))
    unacked.acknowledge(take(unacked).seq)
    retire(here, 0)
    retire(away, 1_000)
    retire(here, 2_000)
    retire(away, 3_000)
    retire(away, 3_000 + SERIES_RETENTION_MS - 1)
    unacked.add(legFailure('cam'))
    t.match(
      take(unacked).cells,
      [{ cell: 1, total: 2 }],
      'gone for less than the retention time',
    )
    unacked.acknowledge(2)
    retire(here, 3_000 + SERIES_RETENTION_MS)
    for (const id of ['cam', 'other', '_unknown']) unacked.add(legFailure(id))
    t.match(take(unacked).cells, [
      { cell: 4, total: 1, labels: ['cam', 'video'] },
      { cell: 3, total: 2, labels: ['other', 'video'] },
      { cell: 2, total: 2, labels: ['_unknown', 'video'] },
    ])
    t.end()
  },
)

t.test('a series without an ack is not retired', t => {
  const { unacked, retire } = newUnacked()
  unacked.add(legFailure('cam'))
  const none = new Set<string>()
  retire(none, 0)
  retire(none, SERIES_RETENTION_MS)
  t.match(take(unacked), { seq: 1, cells: [{ cell: 1 }] })
  retire(none, SERIES_RETENTION_MS + 1)
  unacked.resume(0)
  t.match(take(unacked), { seq: 1, cells: [{ cell: 1 }] }, 'no ack arrived')
  unacked.acknowledge(1)
  retire(none, SERIES_RETENTION_MS + 2)
  unacked.resume(0)
  t.match(take(unacked), { seq: 1, observed: 1, cells: [] })
  t.end()
})

t.test('retired series make room under the limit', t => {
  const { unacked, retire } = newUnacked(1)
  const none = new Set<string>()
  for (const [i, id] of ['a', 'b', 'c'].entries()) {
    const nowMs = i * 2 * SERIES_RETENTION_MS
    unacked.add(legFailure(id))
    unacked.acknowledge(take(unacked).seq)
    retire(none, nowMs)
    retire(none, nowMs + SERIES_RETENTION_MS)
  }
  unacked.add(legFailure('d'))
  t.match(take(unacked), { observed: 4, lost: 0 })
  t.end()
})

t.test('a stream in no snapshot is unannounced until it is taken', t => {
  const { unacked, series, retire } = newUnacked()
  retire(new Set(['announced']), 0)
  unacked.add(legFailure('announced'))
  unacked.add(legFailure('_unknown'))
  t.equal(series.hasUnannounced, false)
  unacked.add(legFailure('new'))
  unacked.add(legFailure('new'))
  t.equal(series.hasUnannounced, true)
  t.strictSame(series.takeUnannounced(), ['new'])
  t.equal(series.hasUnannounced, false)
  t.end()
})
