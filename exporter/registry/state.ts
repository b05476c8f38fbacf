/** The ledger as JSON, for the state file. */
import {
  familyOf,
  isObservedName,
  type ObservedName,
} from '../../shared/catalogue.ts'
import { isStreamId } from '../../shared/ids.ts'
import {
  bootId,
  count,
  fieldsOf,
  listOf,
  unreadable,
  type Fields,
} from './entry.ts'
import {
  bearAtZero,
  createLedger,
  createStream,
  ensureSeries,
  isShown,
  putStream,
  type Ledger,
  type Stream,
  type StreamState,
  type Total,
} from './ledger.ts'
import { isRefusal } from './refusals.ts'
import {
  isZero,
  NO_CELL,
  tell,
  zeroOf,
  type Series,
  type Values,
} from './series.ts'

/** All that must survive, as a value for JSON.stringify. */
export function encodeLedger(ledger: Ledger): unknown {
  return {
    maxStreams: ledger.maxStreams,
    boot: ledger.boot,
    retired: ledger.retired,
    observed: ledger.observed,
    lost: ledger.lost,
    refused: ledger.refused,
    refusedSeries: ledger.refusedSeries,
    unknown: encodeSeries(ledger.unknown),
    overflow: encodeSeries(ledger.overflow),
    streams: [...ledger.streams.values()].map(stream => ({
      id: stream.id,
      place: stream.place,
      at: stream.at,
      series: encodeSeries(withoutNewborn(stream)),
    })),
  }
}

/** `[family, labels, base, cell, told]` a series. */
function encodeSeries({ series }: Stream): readonly unknown[] {
  return [...series.values()].map(({ family, labels, base, cell, told }) => [
    family,
    labels,
    base,
    cell,
    told,
  ])
}

/** What a stream has from the start is left out: reading makes it again. */
function withoutNewborn(stream: Stream): Stream {
  const told = [...stream.series].filter(
    ([, { family, cell, values }]) =>
      !familyOf(family).bornAtZero || cell !== NO_CELL || !isZero(values),
  )
  return { ...stream, series: new Map(told) }
}

/**
 * Reads what encodeLedger wrote.
 * @throws {RangeError} when `raw` is something else
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
  const refused = fieldsOf(fields['refused'])
  for (const reason of Object.keys(refused)) {
    if (!isRefusal(reason)) throw unreadable('refused', reason)
    ledger.refused[reason] = count(refused, reason)
  }
  for (const item of listOf(fields, 'streams')) readStream(ledger, item)
  readSeries(ledger, ledger.unknown, fields, 'unknown')
  readSeries(ledger, ledger.overflow, fields, 'overflow')
  ledger.refusedSeries = count(fields, 'refusedSeries')
  return ledger
}

function readTotal(fields: Fields, name: string, total: Total): void {
  const raw = fieldsOf(fields[name])
  total.base = amount(raw['base'])
  total.told = amount(raw['told'])
}

function readStream(ledger: Ledger, raw: unknown): void {
  const fields = fieldsOf(raw)
  const { id, place } = fields
  if (!isStreamId(id)) throw unreadable('id', id)
  if (place !== 'own' && place !== 'overflow') throw unreadable('place', place)
  const stream = createStream(id, place, streamState(fields['at']))
  putStream(ledger, stream)
  if (isShown(stream)) bearAtZero(ledger, stream)
  readSeries(ledger, stream, fields, 'series')
}

function streamState(raw: unknown): StreamState {
  const fields = fieldsOf(raw)
  const { kind } = fields
  switch (kind) {
    case 'owed':
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
    const [family, labels, base, cell, told] = parts
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
    tell(series, valuesOf(family, told, amount))
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

/** A number from 0 on; more than a safe integer where boots add up. */
function amount(value: unknown): number {
  if (typeof value === 'number' && Number.isFinite(value) && value >= 0) {
    return value
  }
  throw unreadable('a number', value)
}

/** A base is below zero where a stream got a place of its own. */
function finite(value: unknown): number {
  if (typeof value === 'number' && Number.isFinite(value)) return value
  throw unreadable('a number', value)
}
