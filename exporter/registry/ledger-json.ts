/**
 * The ledger as JSON, for the state file. The field names are on disk and must
 * not change; some differ from the names in memory.
 */
import {
  familyOf,
  isObservedName,
  type ObservedName,
} from '../../shared/protocol/catalogue.ts'
import { isStreamId } from '../../shared/protocol/ids.ts'
import {
  bootId,
  count,
  fieldsOf,
  listOf,
  unreadable,
  type Fields,
} from './ledger-entry.ts'
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
    ([, { family, cell, values }]) =>
      !familyOf(family).bornAtZero || cell !== NO_CELL || !isZero(values),
  )
  return { ...stream, series: new Map(touched) }
}

/**
 * Reads the result of encodeLedger.
 * @throws {RangeError} if `raw` is something else
 */
export function decodeLedger(raw: unknown, core: string): Ledger {
  const fields = fieldsOf(raw)
  const ledger = createLedger(core, count(fields, 'maxStreams'))
  if (fields['boot'] !== undefined) {
    const boot = fieldsOf(fields['boot'])
    ledger.boot = { id: bootId(boot['id']), seq: count(boot, 'seq') }
  }
  ledger.retired.push(...listOf(fields, 'retired').map(bootId))
  readTotal(fields, 'observed', ledger.observed)
  readTotal(fields, 'lost', ledger.lost)
  const rejected = fieldsOf(fields['refused'])
  for (const reason of Object.keys(rejected)) {
    if (!isRejection(reason)) throw unreadable('refused', reason)
    ledger.rejected[reason] = count(rejected, reason)
  }
  for (const item of listOf(fields, 'streams')) readStream(ledger, item)
  readSeries(ledger, ledger.unknown, fields, 'unknown')
  readSeries(ledger, ledger.overflow, fields, 'overflow')
  ledger.rejectedSeries = count(fields, 'refusedSeries')
  return ledger
}

function readTotal(fields: Fields, name: string, total: Total): void {
  const raw = fieldsOf(fields[name])
  total.base = amount(raw['base'])
  total.current = amount(raw['told'])
}

function readStream(ledger: Ledger, raw: unknown): void {
  const fields = fieldsOf(raw)
  const { id, place } = fields
  if (!isStreamId(id)) throw unreadable('id', id)
  if (place !== 'own' && place !== 'overflow') throw unreadable('place', place)
  const stream = createStream(id, place, streamState(fields['at']))
  putStream(ledger, stream)
  if (isShown(stream)) initializeAtZero(ledger, stream)
  readSeries(ledger, stream, fields, 'series')
}

function streamState(raw: unknown): StreamState {
  const fields = fieldsOf(raw)
  const { kind } = fields
  switch (kind) {
    case 'owed':
      return { kind: 'unannounced' }
    case 'registered':
      return { kind }
    case 'departed':
      return { kind, sinceMs: count(fields, 'sinceMs') }
    default:
      throw unreadable('at', kind)
  }
}

function readSeries(
  ledger: Ledger,
  stream: Stream,
  fields: Fields,
  name: string,
): void {
  for (const item of listOf(fields, name)) {
    if (!Array.isArray(item)) throw unreadable(name, item)
    const parts: readonly unknown[] = item
    const [family, labels, base, cell, total] = parts
    if (typeof family !== 'string' || !isObservedName(family)) {
      throw unreadable('family', family)
    }
    const expected = familyOf(family).labels.length
    if (!Array.isArray(labels) || labels.length !== expected) {
      throw unreadable('labels', labels)
    }
    const series: Series = ensureSeries(
      ledger,
      stream,
      family,
      labels.map(label => {
        if (typeof label === 'string') return label
        throw unreadable('labels', label)
      }),
    )
    if (!Number.isSafeInteger(cell)) throw unreadable('cell', cell)
    series.cell = Number(cell)
    series.base = valuesOf(family, base, finite)
    setTotal(series, valuesOf(family, total, amount))
  }
}

function valuesOf(
  family: ObservedName,
  raw: unknown,
  read: (value: unknown) => number,
): Values {
  const zero = zeroOf(family)
  if (!Array.isArray(raw) || raw.length !== zero.length) {
    throw unreadable('values', raw)
  }
  return raw.map(read)
}

/** A number from 0; totals over many boots may exceed the safe integers. */
function amount(value: unknown): number {
  if (typeof value === 'number' && Number.isFinite(value) && value >= 0) {
    return value
  }
  throw unreadable('a number', value)
}

/** Any number: the base of a stream that left `_overflow` is negative. */
function finite(value: unknown): number {
  if (typeof value === 'number' && Number.isFinite(value)) return value
  throw unreadable('a number', value)
}
