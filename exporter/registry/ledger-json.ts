/**
 * The ledger as JSON, for the state file. The field names are on disk and must
 * not change; some differ from the names in memory.
 */
import {
  familyOf,
  isObservedName,
  type ObservedName,
} from '../../shared/protocol/catalogue.ts'
import { Fields } from '../../shared/protocol/fields.ts'
import { readBootId, readStreamId, unreadable } from './ledger-entry.ts'
import {
  createLedger,
  createStream,
  ensureSeries,
  initializeAtZero,
  isShown,
  putStream,
  type Ledger,
  type Stream,
  type StreamState,
  type Total,
} from './ledger.ts'
import { isRejection } from './rejections.ts'
import {
  isZero,
  NO_CELL,
  setTotal,
  zeroOf,
  type Series,
  type Values,
} from './series.ts'

/** Everything that must survive a restart, as a value for JSON.stringify. */
export function encodeLedger(ledger: Ledger): unknown {
  return {
    maxStreams: ledger.maxStreams,
    boot: ledger.boot,
    retired: ledger.retired,
    observed: encodeTotal(ledger.observed),
    lost: encodeTotal(ledger.lost),
    refused: ledger.rejected,
    refusedSeries: ledger.rejectedSeries,
    unknown: encodeSeries(ledger.unknown),
    overflow: encodeSeries(ledger.overflow),
    streams: [...ledger.streams.values()].map(stream => ({
      id: stream.id,
      place: stream.place,
      at: stream.at.kind === 'unannounced' ? { kind: 'owed' } : stream.at,
      series: encodeSeries(withoutUntouched(stream)),
    })),
  }
}

function encodeTotal({ base, current }: Total): unknown {
  return { base, told: current }
}

/** `[family, labels, base, cell, total]` for each series. */
function encodeSeries({ series }: Stream): readonly unknown[] {
  return [...series.values()].map(({ family, labels, base, cell, total }) => [
    family,
    labels,
    base,
    cell,
    total,
  ])
}

/** Leaves out series still in their first state: reading creates them. */
function withoutUntouched(stream: Stream): Stream {
  const touched = [...stream.series].filter(
    ([, { family, cell, shown }]) =>
      !familyOf(family).startsAtZero ||
      cell !== NO_CELL ||
      !isZero(shown.values),
  )
  return { ...stream, series: new Map(touched) }
}

/**
 * Reads the result of encodeLedger.
 * @throws {FieldError} if `raw` is something else
 */
export function decodeLedger(raw: unknown, core: string): Ledger {
  const fields = Fields.of(raw)
  const ledger = createLedger(core, fields.count('maxStreams'))
  if (fields.raw('boot') !== undefined) {
    const boot = fields.object('boot')
    ledger.boot = { id: readBootId(boot, 'id'), seq: boot.count('seq') }
  }
  ledger.retired.push(...fields.list('retired', readBootId))
  readTotal(fields, 'observed', ledger.observed)
  readTotal(fields, 'lost', ledger.lost)
  const rejected = fields.object('refused')
  for (const reason of rejected.keys()) {
    if (!isRejection(reason)) {
      throw unreadable(rejected, reason, 'a known reason')
    }
    ledger.rejected[reason] = rejected.count(reason)
  }
  fields.objects('streams', stream => {
    readStream(ledger, stream)
  })
  readSeries(ledger, ledger.unknown, fields, 'unknown')
  readSeries(ledger, ledger.overflow, fields, 'overflow')
  ledger.rejectedSeries = fields.count('refusedSeries')
  return ledger
}

function readTotal(fields: Fields, name: string, total: Total): void {
  const raw = fields.object(name)
  // Totals over many boots may exceed the safe integers.
  total.base = raw.number('base', 0)
  total.current = raw.number('told', 0)
}

function readStream(ledger: Ledger, fields: Fields): void {
  const id = readStreamId(fields, 'id')
  const place = fields.oneOf('place', ['own', 'overflow'])
  const stream = createStream(id, place, readStreamState(fields.object('at')))
  putStream(ledger, stream)
  if (isShown(stream)) initializeAtZero(ledger, stream)
  readSeries(ledger, stream, fields, 'series')
}

function readStreamState(at: Fields): StreamState {
  const kind = at.oneOf('kind', ['owed', 'registered', 'departed'])
  switch (kind) {
    case 'owed':
      return { kind: 'unannounced' }
    case 'registered':
      return { kind }
    case 'departed':
      return { kind, sinceMs: at.count('sinceMs') }
    default:
      return kind satisfies never
  }
}

function readSeries(
  ledger: Ledger,
  stream: Stream,
  fields: Fields,
  name: string,
): void {
  fields.list(name, (items, index) => {
    const tuple = items.items(index)
    const family = tuple.text(0)
    if (!isObservedName(family)) {
      throw unreadable(tuple, 0, 'a counter or histogram of the catalogue')
    }
    const labels = tuple.list(1, readLabel)
    if (labels.length !== familyOf(family).labels.length) {
      throw unreadable(tuple, 1, `the labels of ${family}`)
    }
    const cell = tuple.raw(3)
    if (!Number.isSafeInteger(cell)) throw unreadable(tuple, 3, 'a cell number')
    const series: Series = ensureSeries(ledger, stream, family, labels)
    series.cell = Number(cell)
    // The base of a stream that left `_overflow` is negative.
    series.base = readValues(family, tuple, 2, -Infinity)
    setTotal(series, readValues(family, tuple, 4, 0))
  })
}

function readLabel(labels: Fields, index: number): string {
  return labels.text(index)
}

function readValues(
  family: ObservedName,
  tuple: Fields,
  index: number,
  min: number,
): Values {
  const values = tuple.list(index, (items, at) => items.number(at, min))
  if (values.length === zeroOf(family).length) return values
  throw unreadable(tuple, index, `the values of ${family}`)
}
