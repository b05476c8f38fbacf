/**
 * What the exporter knows of counters and histograms, as plain data, and
 * the reducer that changes it entry by entry. No clock, no file, no socket.
 */
import {
  FAMILY_NAMES,
  familyOf,
  isObservedName,
  labelSetsAtZero,
} from '../../shared/catalogue.ts'
import type { Batch, Cell } from '../../shared/frames.ts'
import {
  OVERFLOW_STREAM,
  UNKNOWN_STREAM,
  type BootId,
} from '../../shared/ids.ts'
import {
  MAX_KNOWN_STREAMS,
  MAX_SERIES,
  MAX_SERIES_PER_STREAM,
} from '../../shared/limits.ts'
import type { Entry } from './entry.ts'
import { inspectCell, type GoodCell } from './guard.ts'
import { REFUSALS, type CellRefusal, type Refusal } from './refusals.ts'
import {
  addShare,
  covers,
  createSeries,
  difference,
  settle,
  startAtZero,
  tell,
  type Series,
} from './series.ts'

const OBSERVED_NAMES = FAMILY_NAMES.filter(isObservedName)

/** Most boots remembered as retired. */
const MAX_RETIRED_BOOTS = 100

/** One value of the label stream_id, with the series that have it. */
export interface Stream {
  readonly id: string
  /**
   * `own`: its series are shown. `overflow`: it came when EXPORTER_MAX_STREAMS
   * had places of their own; what its cells tell is added to the series of
   * `_overflow`, and its own are kept to know by how much cells grow. It gets
   * a place of its own when one is free.
   */
  place: 'own' | 'overflow'
  at: StreamState
  /** By family and label values: see `keyOf`. */
  readonly series: Map<string, Series>
}

export type StreamState =
  /** Told of by a cell before any snapshot; not shown yet. */
  | { readonly kind: 'owed' }
  | { readonly kind: 'registered' }
  | { readonly kind: 'departed'; readonly sinceMs: number }

/** A total over the lives of the media process. */
export interface Total {
  base: number
  /** As this boot told last. */
  told: number
}

export interface Ledger {
  readonly core: string
  maxStreams: number
  /** The boot heard of last and its last seq applied. */
  boot: { readonly id: BootId; seq: number } | undefined
  /** Boots that another one followed, the last at the end. */
  readonly retired: BootId[]
  readonly observed: Total
  readonly lost: Total
  readonly refused: Record<Refusal, number>
  /** Series and streams that were refused a place of their own. */
  refusedSeries: number
  readonly streams: Map<string, Stream>
  /** `_unknown` and `_overflow`: always there, never expired. */
  readonly unknown: Stream
  readonly overflow: Stream
  /** Streams with a place of their own; counted as they come and go. */
  ownStreams: number
  /** Series of all streams, shown or not; counted likewise. */
  seriesCount: number
}

/** A ledger that knows nothing. */
export function createLedger(core: string, maxStreams: number): Ledger {
  const zeros = REFUSALS.map(reason => [reason, 0] as const)
  return {
    core,
    maxStreams,
    boot: undefined,
    retired: [],
    observed: { base: 0, told: 0 },
    lost: { base: 0, told: 0 },
    refused: Object.fromEntries(zeros) as Record<Refusal, number>,
    refusedSeries: 0,
    streams: new Map(),
    unknown: createStream(UNKNOWN_STREAM, 'own', { kind: 'registered' }),
    overflow: createStream(OVERFLOW_STREAM, 'own', { kind: 'registered' }),
    ownStreams: 0,
    seriesCount: 0,
  }
}

/** A stream without series. */
export function createStream(
  id: string,
  place: Stream['place'],
  at: StreamState,
): Stream {
  return { id, place, at, series: new Map() }
}

/** Where a series stands in its stream's map. */
export function keyOf(family: string, labels: readonly string[]): string {
  return `${family} ${labels.join('\n')}`
}

/** All streams, the two reserved ones first. */
export function allStreams(ledger: Ledger): readonly Stream[] {
  return [ledger.unknown, ledger.overflow, ...ledger.streams.values()]
}

/** Whether the stream's series are shown under its own id. */
export function isShown(stream: Stream): boolean {
  return stream.place === 'own' && stream.at.kind !== 'owed'
}

/**
 * Applies one entry.
 * @throws {RangeError} for a batch that is not the next one of the boot
 */
export function applyEntry(ledger: Ledger, entry: Entry): void {
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
      for (const id of entry.streams) forget(ledger, id)
      promote(ledger)
      return
    case 'refused':
      ledger.refused[entry.reason]++
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
    total.base += total.told
    total.told = 0
  }
  for (const stream of allStreams(ledger)) {
    // What an overflowing stream told is in the shared series for good.
    if (stream.place === 'overflow') dropSeries(ledger, stream)
    else for (const series of stream.series.values()) settle(series)
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
  if (observed >= ledger.observed.told && lost >= ledger.lost.told) {
    ledger.observed.told = observed
    ledger.lost.told = lost
  } else {
    ledger.refused.shrunk++
  }
  for (const cell of cells) {
    const refusal = applyCell(ledger, cell, live)
    if (refusal !== undefined) ledger.refused[refusal]++
  }
}

function applyCell(
  ledger: Ledger,
  cell: Cell,
  live: boolean,
): CellRefusal | undefined {
  const good = inspectCell(cell)
  if (typeof good === 'string') return good
  const stream = streamOf(ledger, good.streamId, live)
  if (stream === undefined) return 'unknown_stream'
  const series = seriesOf(ledger, stream, good)
  if (series === undefined) return 'series_limit'
  if (good.number < series.cell) return 'stale_cell'
  if (good.number > series.cell) settle(series)
  else if (!covers(good.told, series.told)) return 'shrunk'
  if (stream.place === 'overflow') {
    const names = familyOf(good.family).labels
    const labels = good.labels.with(names.indexOf('stream_id'), OVERFLOW_STREAM)
    const shared = ensureSeries(ledger, ledger.overflow, good.family, labels)
    addShare(shared, difference(good.told, series.told))
  }
  series.cell = good.number
  tell(series, good.told)
  return undefined
}

/**
 * The stream a cell tells of. Before the first snapshot of a connection a
 * cell may tell of a stream that came and went unseen; after it, none may.
 */
function streamOf(ledger: Ledger, id: string, live: boolean) {
  if (id === UNKNOWN_STREAM) return ledger.unknown
  const known = ledger.streams.get(id)
  if (known !== undefined || live) return known
  return addStream(ledger, id, { kind: 'owed' })
}

function addStream(ledger: Ledger, id: string, at: StreamState) {
  if (ledger.streams.size >= MAX_KNOWN_STREAMS) {
    ledger.refusedSeries++
    return undefined
  }
  const place = ledger.ownStreams < ledger.maxStreams ? 'own' : 'overflow'
  if (place === 'overflow') {
    // At least its active_peers lose their series.
    ledger.refusedSeries++
    bearAtZero(ledger, ledger.overflow)
  }
  return putStream(ledger, createStream(id, place, at))
}

/** Adds a stream that is not there yet. */
export function putStream(ledger: Ledger, stream: Stream): Stream {
  ledger.streams.set(stream.id, stream)
  if (stream.place === 'own') ledger.ownStreams++
  return stream
}

/**
 * Gives the places that are free to streams of `_overflow`. What they told
 * stays there; their own series start at zero.
 */
function promote(ledger: Ledger): void {
  for (const stream of ledger.streams.values()) {
    if (ledger.ownStreams >= ledger.maxStreams) return
    if (stream.place === 'own' || stream.at.kind !== 'registered') continue
    stream.place = 'own'
    ledger.ownStreams++
    for (const series of stream.series.values()) startAtZero(series)
    bearAtZero(ledger, stream)
  }
}

function forget(ledger: Ledger, id: string): void {
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
  if (stream.place === 'own') bearAtZero(ledger, stream)
}

function depart(ledger: Ledger, id: string, sinceMs: number): void {
  const stream = ledger.streams.get(id)
  if (stream === undefined) return
  stream.at = { kind: 'departed', sinceMs }
  if (stream.place === 'own') bearAtZero(ledger, stream)
}

/** Makes the series that a stream has from the start. */
export function bearAtZero(ledger: Ledger, stream: Stream): void {
  for (const family of OBSERVED_NAMES) {
    for (const labels of labelSetsAtZero(family, stream.id)) {
      ensureSeries(ledger, stream, family, labels)
    }
  }
}

/** The series of the stream, made where it is new. */
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

/** The series a cell tells of, made where it is new and there is room. */
function seriesOf(ledger: Ledger, stream: Stream, cell: GoodCell) {
  const known = stream.series.get(keyOf(cell.family, cell.labels))
  if (known !== undefined) return known
  const full = stream.series.size >= MAX_SERIES_PER_STREAM
  if (full || ledger.seriesCount >= MAX_SERIES) {
    ledger.refusedSeries++
    return undefined
  }
  if (stream.place === 'overflow') ledger.refusedSeries++
  return ensureSeries(ledger, stream, cell.family, cell.labels)
}
