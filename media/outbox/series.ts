import { familyOf, type ObservedName } from '../../shared/protocol/catalogue.ts'
import { isHistogramCell, type Cell } from '../../shared/protocol/frames.ts'
import { UNKNOWN_STREAM } from '../../shared/protocol/ids.ts'

/** One series with its totals since it was created. */
export interface Series {
  /** Its cell number on the wire; a later series has a higher number. */
  readonly number: number
  readonly family: ObservedName
  /** Values in the order of the family's labels. */
  readonly labels: readonly string[]
  readonly streamId: string
  /** Observations counted; a counter has no other total. */
  count: number
  sum: number
  /** Observations per bucket, not cumulative; undefined for a counter. */
  readonly buckets: number[] | undefined
  /** Changed since the last batch that carried it. Only Unacked sets it. */
  dirty: boolean
  /** Seq of that batch; 0 before the first. Only Unacked sets it. */
  sentIn: number
}

/** Creates a series at zero. @param labels in the order of the family's */
export function createSeries(
  number: number,
  family: ObservedName,
  labels: readonly string[],
): Series {
  const { labels: names, buckets } = familyOf(family)
  return {
    number,
    family,
    labels,
    streamId: labels[names.indexOf('stream_id')] ?? UNKNOWN_STREAM,
    count: 0,
    sum: 0,
    buckets: buckets && [0, ...buckets.map(() => 0)],
    dirty: false,
    sentIn: 0,
  }
}

/** Sets the totals to those of `cell`; false if its shape is another. */
export function setTotals(series: Series, cell: Cell): boolean {
  const { buckets } = series
  if (isHistogramCell(cell)) {
    if (buckets?.length !== cell.buckets.length) return false
    buckets.splice(0, Infinity, ...cell.buckets)
    series.sum = cell.sum
  } else if (buckets !== undefined) return false
  series.count = countOf(cell)
  return true
}

/** Number of observations in a cell. */
export function countOf(cell: Cell): number {
  if (!isHistogramCell(cell)) return cell.total
  return cell.buckets.reduce((sum, count) => sum + count, 0)
}

/** The series as a cell of a batch. */
export function toCell(series: Series): Cell {
  const { number, family, labels, count, sum, buckets } = series
  const head = { cell: number, family, labels }
  if (buckets === undefined) return { ...head, total: count }
  return { ...head, buckets: [...buckets], sum }
}
