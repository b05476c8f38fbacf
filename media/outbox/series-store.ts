import {
  FAMILY_NAMES,
  familyOf,
  isLabelValue,
  isObservedName,
  type LabelName,
  type Observation,
  type ObservedName,
} from '../../shared/protocol/catalogue.ts'
import type { Cell } from '../../shared/protocol/frames.ts'
import {
  isStreamId,
  UNKNOWN_STREAM,
  type StreamId,
} from '../../shared/protocol/ids.ts'
import { SERIES_RETENTION_MS } from '../../shared/protocol/limits.ts'
import { SeriesTree } from './series-tree.ts'
import { createSeries, setTotals, type Series } from './series.ts'

/** Labels as a caller without types may pass them. */
type GivenLabels = Readonly<Partial<Record<LabelName, unknown>>>

interface FamilySeries {
  readonly name: ObservedName
  readonly labels: readonly LabelName[]
  readonly bounds: readonly number[] | undefined
  readonly series: SeriesTree<Series>
}

/**
 * The totals of every observed series: finds, creates, drops and retires
 * them. Its size is bounded by the number of series, regardless of the number
 * of observations and of how long the exporter is unreachable.
 */
export class SeriesStore {
  readonly #families: ReadonlyMap<unknown, FamilySeries>
  readonly #all = new Set<Series>()
  readonly #maxSeries: number
  #nextNumber: number
  /** Streams of the last snapshot, and when others were removed from it. */
  #present: ReadonlySet<string> = new Set()
  #removedAtMs = new Map<string, number>()
  /** Streams with new series that no snapshot has announced. */
  readonly #unannounced = new Set<StreamId>()

  /**
   * @param options.maxSeries observations of any further series are lost
   * @param options.nextNumber number of the first series that is created
   */
  constructor(options: {
    readonly maxSeries: number
    readonly nextNumber: number
  }) {
    this.#maxSeries = options.maxSeries
    this.#nextNumber = options.nextNumber
    this.#families = new Map(
      FAMILY_NAMES.filter(isObservedName).map(name => [
        name,
        familySeries(name),
      ]),
    )
  }

  /** Number of the next series to be created. */
  get nextNumber(): number {
    return this.#nextNumber
  }

  /** Whether a stream has series but was in no snapshot yet. */
  get hasUnannounced(): boolean {
    return this.#unannounced.size > 0
  }

  [Symbol.iterator](): Iterator<Series> {
    return this.#all.values()
  }

  /**
   * Counts one observation. Reads no clock.
   * @returns its series; undefined if the catalogue has no such observation,
   *   or a new series would exceed the limit
   */
  count(observation: Observation): Series | undefined {
    const family = this.#families.get(observation.family)
    if (family === undefined) return undefined
    if (family.bounds === undefined) {
      const series = this.#findOrCreate(family, observation.labels)
      if (series !== undefined) series.count += 1
      return series
    }
    const value = 'value' in observation ? observation.value : undefined
    if (!isDuration(value)) return undefined
    const series = this.#findOrCreate(family, observation.labels)
    // JSON has no Infinity, so the sum must stay finite.
    if (series?.buckets === undefined || series.sum + value === Infinity) {
      return undefined
    }
    const bucket = bucketOf(family.bounds, value)
    series.buckets[bucket] = (series.buckets[bucket] ?? 0) + 1
    series.sum += value
    series.count += 1
    return series
  }

  /**
   * Creates the series of a spooled cell, under the number it had. Its stream
   * counts as announced: the totals go out before the first snapshot.
   * @returns undefined if the catalogue has no such series, as after an update
   */
  restore(cell: Cell): Series | undefined {
    const family = this.#families.get(cell.family)
    if (family === undefined || cell.cell >= this.#nextNumber) return undefined
    const given = Object.fromEntries(
      family.labels.map((label, i) => [label, cell.labels[i]]),
    )
    if (family.series.find(given) !== undefined) return undefined
    const series = this.#create(family, given, cell.cell)
    if (series === undefined || setTotals(series, cell)) return series
    this.#drop(series)
    return undefined
  }

  /** Drops every series. */
  clear(): void {
    for (const series of this.#all) this.#drop(series)
  }

  /**
   * Takes the ids of all registered streams. The series of a stream that was
   * removed SERIES_RETENTION_MS ago are dropped once they are acknowledged. The
   * exporter drops its own too, so the stream starts at zero if it is added
   * again.
   */
  retire(
    present: ReadonlySet<string>,
    nowMs: number,
    isAcked: (series: Series) => boolean,
  ): void {
    const gone = new Map<string, number>()
    for (const series of this.#all) {
      const id = series.streamId
      const sinceMs = this.#removedAtMs.get(id)
      const expired =
        sinceMs !== undefined && nowMs - sinceMs >= SERIES_RETENTION_MS
      if (expired && isAcked(series)) this.#drop(series)
      else if (id !== UNKNOWN_STREAM && !present.has(id)) {
        gone.set(id, sinceMs ?? nowMs)
      }
    }
    this.#removedAtMs = gone
    this.#present = present
  }

  /**
   * Takes the streams that were added and removed between two snapshots and
   * still have series: unless a snapshot lists them once, the exporter rejects
   * their series.
   */
  takeUnannounced(): readonly StreamId[] {
    const unannounced = [...this.#unannounced].filter(
      id => !this.#present.has(id),
    )
    this.#unannounced.clear()
    return unannounced
  }

  #findOrCreate(family: FamilySeries, labels: GivenLabels): Series | undefined {
    const known = family.series.find(labels)
    if (known !== undefined) return known
    const created = this.#create(family, labels, this.#nextNumber)
    if (created === undefined) return undefined
    this.#nextNumber += 1
    const id = created.streamId
    if (isStreamId(id) && !this.#present.has(id)) this.#unannounced.add(id)
    return created
  }

  #create(
    family: FamilySeries,
    given: GivenLabels,
    number: number,
  ): Series | undefined {
    if (this.#all.size >= this.#maxSeries) return undefined
    const labels: string[] = []
    for (const label of family.labels) {
      const value = given[label]
      if (!isAllowed(label, value)) return undefined
      labels.push(value)
    }
    const series = createSeries(number, family.name, labels)
    this.#all.add(series)
    family.series.set(labels, series)
    return series
  }

  #drop(series: Series): void {
    this.#all.delete(series)
    this.#families.get(series.family)?.series.delete(series.labels)
  }
}

function familySeries(name: ObservedName): FamilySeries {
  const { labels, buckets } = familyOf(name)
  return { name, labels, bounds: buckets, series: new SeriesTree(labels) }
}

function isDuration(value: unknown): value is number {
  return typeof value === 'number' && value >= 0 && value < Infinity
}

function isAllowed(label: LabelName, value: unknown): value is string {
  if (typeof value !== 'string') return false
  if (label !== 'stream_id') return isLabelValue(label, value)
  return isStreamId(value) || value === UNKNOWN_STREAM
}

function bucketOf(bounds: readonly number[], value: number): number {
  let bucket = 0
  for (const bound of bounds) {
    if (value <= bound) return bucket
    bucket += 1
  }
  return bucket
}
