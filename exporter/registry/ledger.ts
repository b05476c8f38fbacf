/**
 * The counters and histograms of the exporter as plain data, and the reducer
 * that changes them entry by entry. No clock, no file, no socket.
 */
import {
  FAMILY_NAMES,
  familyOf,
  isObservedName,
  labelSetsAtZero,
} from '../../shared/protocol/catalogue.ts'
import type { Batch, Cell } from '../../shared/protocol/frames.ts'
import {
  OVERFLOW_STREAM,
  UNKNOWN_STREAM,
  type BootId,
} from '../../shared/protocol/ids.ts'
import {
  MAX_KNOWN_STREAMS,
  MAX_SERIES,
  MAX_SERIES_PER_STREAM,
} from '../../shared/protocol/limits.ts'
import { inspectCell, type ValidCell } from './inspect-cell.ts'
import type { LedgerEntry } from './ledger-entry.ts'
import { REJECTIONS, type CellRejection, type Rejection } from './rejections.ts'
import {
  addShare,
  covers,
  createSeries,
  difference,
  rollOver,
  setTotal,
  startAtZero,
  type Series,
} from './series.ts'

const OBSERVED_NAMES = FAMILY_NAMES.filter(isObservedName)

/** Retired boots that are remembered. */
const MAX_RETIRED_BOOTS = 100

/** One value of the label stream_id, with its series. */
export interface Stream {
  readonly id: string
  /**
   * `own`: its series are exposed. `overflow`: it was added when all places of
   * EXPORTER_MAX_STREAMS were taken. The growth of its cells is added to the
   * series of `_overflow`; its own series only serve to compute that growth. It
   * gets its own place when one becomes free.
   */
  place: 'own' | 'overflow'
  at: StreamState
  /** By family and label values: see `keyOf`. */
  readonly series: Map<string, Series>
}

export type StreamState =
  /** Known from a cell before any snapshot; not exposed yet. */
  | { readonly kind: 'unannounced' }
  | { readonly kind: 'registered' }
  | { readonly kind: 'departed'; readonly sinceMs: number }

/** A total over all boots of the media process. */
export interface Total {
  /** Of earlier boots. */
  base: number
  /** Of the current boot, as last reported. */
  current: number
}

export interface Ledger {
  readonly core: string
  maxStreams: number
  /** The current boot and its last applied seq. */
  boot: { readonly id: BootId; seq: number } | undefined
  /** Earlier boots, the latest one last. */
  readonly retired: BootId[]
  readonly observed: Total
  readonly lost: Total
  readonly rejected: Record<Rejection, number>
  /** Series and streams without a place of their own. */
  rejectedSeries: number
  readonly streams: Map<string, Stream>
  /** `_unknown` and `_overflow`: they always exist and never expire. */
  readonly unknown: Stream
  readonly overflow: Stream
  /** Number of streams with their own place; updated with each change. */
  ownStreams: number
  /** Number of series of all streams, exposed or not; updated likewise. */
  seriesCount: number
}

/** Creates an empty ledger. */
export function createLedger(core: string, maxStreams: number): Ledger {
  const zeros = REJECTIONS.map(reason => [reason, 0] as const)
  return {
    core,
    maxStreams,
    boot: undefined,
    retired: [],
    observed: { base: 0, current: 0 },
    lost: { base: 0, current: 0 },
    rejected: Object.fromEntries(zeros) as Record<Rejection, number>,
    rejectedSeries: 0,
    streams: new Map(),
    unknown: createStream(UNKNOWN_STREAM, 'own', { kind: 'registered' }),
    overflow: createStream(OVERFLOW_STREAM, 'own', { kind: 'registered' }),
    ownStreams: 0,
    seriesCount: 0,
  }
}

/** Creates a stream without series. */
export function createStream(
  id: string,
  place: Stream['place'],
  at: StreamState,
): Stream {
  return { id, place, at, series: new Map() }
}

/** The key of a series in its stream's map. */
function keyOf(family: string, labels: readonly string[]): string {
  return `${family} ${labels.join('\n')}`
}

/** All streams, the two reserved ones first. */
export function allStreams(ledger: Ledger): readonly Stream[] {
  return [ledger.unknown, ledger.overflow, ...ledger.streams.values()]
}

/** Whether the stream's series are exposed under its own id. */
export function isShown(stream: Stream): boolean {
  return stream.place === 'own' && stream.at.kind !== 'unannounced'
}

/**
 * Applies one entry.
 * @throws {RangeError} for a batch that is not the next one of the boot
 */
export function applyEntry(ledger: Ledger, entry: LedgerEntry): void {
  switch (entry.kind) {
    case 'limit':
      ledger.maxStreams = entry.maxStreams
      promote(ledger)
      return
    case 'boot':
      changeBoot(ledger, entry.boot)
      return
    case 'batch':
      applyBatch(ledger, entry.boot, entry.batch, entry.live)
      return
    case 'streams':
      for (const id of entry.came) register(ledger, id)
      for (const id of entry.gone) depart(ledger, id, entry.atMs)
      promote(ledger)
      return
    case 'expired':
      for (const id of entry.streams) expire(ledger, id)
      promote(ledger)
      return
    case 'refused':
      ledger.rejected[entry.reason]++
      return
    default:
      entry satisfies never
  }
}

function changeBoot(ledger: Ledger, id: BootId): void {
  if (ledger.boot?.id === id) return
  if (ledger.boot !== undefined) ledger.retired.push(ledger.boot.id)
  ledger.retired.splice(0, ledger.retired.length - MAX_RETIRED_BOOTS)
  ledger.boot = { id, seq: 0 }
  for (const total of [ledger.observed, ledger.lost]) {
    total.base += total.current
    total.current = 0
  }
  for (const stream of allStreams(ledger)) {
    // The growth of an overflow stream is in the shared series already.
    if (stream.place === 'overflow') dropSeries(ledger, stream)
    else for (const series of stream.series.values()) rollOver(series)
  }
}

function applyBatch(
  ledger: Ledger,
  boot: BootId,
  { seq, observed, lost, cells }: Batch,
  live: boolean,
): void {
  const current = ledger.boot
  if (current?.id !== boot || seq !== current.seq + 1) {
    throw new RangeError(
      `Cannot apply batch ${seq} of boot ${boot}: expected batch ` +
        `${(current?.seq ?? 0) + 1} of boot ${current?.id ?? 'none'}`,
    )
  }
  current.seq = seq
  if (observed >= ledger.observed.current && lost >= ledger.lost.current) {
    ledger.observed.current = observed
    ledger.lost.current = lost
  } else {
    ledger.rejected.shrunk++
  }
  for (const cell of cells) {
    const rejection = applyCell(ledger, cell, live)
    if (rejection !== undefined) ledger.rejected[rejection]++
  }
}

function applyCell(
  ledger: Ledger,
  cell: Cell,
  live: boolean,
): CellRejection | undefined {
  const valid = inspectCell(cell)
  if (typeof valid === 'string') return valid
  const stream = streamOf(ledger, valid.streamId, live)
  if (stream === undefined) return 'unknown_stream'
  const series = seriesOf(ledger, stream, valid)
  if (series === undefined) return 'series_limit'
  if (valid.number < series.cell) return 'stale_cell'
  if (valid.number > series.cell) rollOver(series)
  else if (!covers(valid.total, series.total)) return 'shrunk'
  if (stream.place === 'overflow') {
    const names = familyOf(valid.family).labels
    const labels = valid.labels.with(
      names.indexOf('stream_id'),
      OVERFLOW_STREAM,
    )
    const shared = ensureSeries(ledger, ledger.overflow, valid.family, labels)
    addShare(shared, difference(valid.total, series.total))
  }
  series.cell = valid.number
  setTotal(series, valid.total)
  return undefined
}

/**
 * The stream of a cell. Before the first snapshot of a connection it may be a
 * stream that was added and removed while disconnected; after it, unknown
 * streams are rejected.
 */
function streamOf(ledger: Ledger, id: string, live: boolean) {
  if (id === UNKNOWN_STREAM) return ledger.unknown
  const known = ledger.streams.get(id)
  if (known !== undefined || live) return known
  return addStream(ledger, id, { kind: 'unannounced' })
}

function addStream(ledger: Ledger, id: string, at: StreamState) {
  if (ledger.streams.size >= MAX_KNOWN_STREAMS) {
    ledger.rejectedSeries++
    return undefined
  }
  const place = ledger.ownStreams < ledger.maxStreams ? 'own' : 'overflow'
  if (place === 'overflow') {
    // Its series of active_peers, at least.
    ledger.rejectedSeries++
    initializeAtZero(ledger, ledger.overflow)
  }
  return putStream(ledger, createStream(id, place, at))
}

/** Adds a stream that the ledger does not have. */
export function putStream(ledger: Ledger, stream: Stream): Stream {
  ledger.streams.set(stream.id, stream)
  if (stream.place === 'own') ledger.ownStreams++
  return stream
}

/**
 * Gives free places to overflow streams. Their growth so far stays in
 * `_overflow`; their own series start at zero.
 */
function promote(ledger: Ledger): void {
  for (const stream of ledger.streams.values()) {
    if (ledger.ownStreams >= ledger.maxStreams) return
    if (stream.place === 'own' || stream.at.kind !== 'registered') continue
    stream.place = 'own'
    ledger.ownStreams++
    for (const series of stream.series.values()) startAtZero(series)
    initializeAtZero(ledger, stream)
  }
}

function expire(ledger: Ledger, id: string): void {
  const stream = ledger.streams.get(id)
  if (stream === undefined) return
  dropSeries(ledger, stream)
  ledger.streams.delete(id)
  if (stream.place === 'own') ledger.ownStreams--
}

function dropSeries(ledger: Ledger, stream: Stream): void {
  ledger.seriesCount -= stream.series.size
  stream.series.clear()
}

function register(ledger: Ledger, id: string): void {
  const at = { kind: 'registered' } as const
  const stream = ledger.streams.get(id) ?? addStream(ledger, id, at)
  if (stream === undefined) return
  stream.at = at
  if (stream.place === 'own') initializeAtZero(ledger, stream)
}

function depart(ledger: Ledger, id: string, sinceMs: number): void {
  const stream = ledger.streams.get(id)
  if (stream === undefined) return
  stream.at = { kind: 'departed', sinceMs }
  if (stream.place === 'own') initializeAtZero(ledger, stream)
}

/** Creates the series that a stream has from the start. */
export function initializeAtZero(ledger: Ledger, stream: Stream): void {
  for (const family of OBSERVED_NAMES) {
    for (const labels of labelSetsAtZero(family, stream.id)) {
      ensureSeries(ledger, stream, family, labels)
    }
  }
}

/** Finds a series of the stream, or creates it. */
export function ensureSeries(
  ledger: Ledger,
  stream: Stream,
  family: Series['family'],
  labels: readonly string[],
): Series {
  const key = keyOf(family, labels)
  const known = stream.series.get(key)
  if (known !== undefined) return known
  const series = createSeries(ledger.core, family, labels)
  stream.series.set(key, series)
  ledger.seriesCount++
  return series
}

/** Finds the series of a cell, or creates it within the limits. */
function seriesOf(ledger: Ledger, stream: Stream, cell: ValidCell) {
  const known = stream.series.get(keyOf(cell.family, cell.labels))
  if (known !== undefined) return known
  const full = stream.series.size >= MAX_SERIES_PER_STREAM
  if (full || ledger.seriesCount >= MAX_SERIES) {
    ledger.rejectedSeries++
    return undefined
  }
  if (stream.place === 'overflow') ledger.rejectedSeries++
  return ensureSeries(ledger, stream, cell.family, cell.labels)
}
