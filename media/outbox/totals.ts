import { familyOf, type ObservedName } from '../../shared/catalogue.ts'
import { isHistogramCell, type Cell } from '../../shared/frames.ts'
import { UNKNOWN_STREAM } from '../../shared/ids.ts'

/** Totals of one series since its cell was made. */
export interface Totals {
  readonly number: number
  readonly family: ObservedName
  readonly labels: readonly string[]
  readonly streamId: string
  /** Observations counted; for a counter this is all there is. */
  count: number
  sum: number
  /** Observations per bucket, not cumulative; a counter has none. */
  readonly buckets: number[] | undefined
  /** Whether it changed since it was last put into a batch. */
  pending: boolean
  /** Seq of the batch that last carried it; 0 before the first. */
  sentIn: number
}

/** The totals of a new cell. @param labels in the order of the family's */
export function createTotals(
  number: number,
  family: ObservedName,
  labels: readonly string[],
): Totals {
  const { labels: names, buckets } = familyOf(family)
  return {
    number,
    family,
    labels,
    streamId: labels[names.indexOf('stream_id')] ?? UNKNOWN_STREAM,
    count: 0,
    sum: 0,
    buckets: buckets && [0, ...buckets.map(() => 0)],
    pending: false,
    sentIn: 0,
  }
}

/** Gives `totals` what `cell` tells; false where it is of another shape. */
export function setTotals(totals: Totals, cell: Cell): boolean {
  const { buckets } = totals
  if (isHistogramCell(cell)) {
    if (buckets?.length !== cell.buckets.length) return false
    buckets.splice(0, Infinity, ...cell.buckets)
    totals.sum = cell.sum
  } else if (buckets !== undefined) return false
  totals.count = countOf(cell)
  return true
}

/** Observations that a cell counts. */
export function countOf(cell: Cell): number {
  if (!isHistogramCell(cell)) return cell.total
  return cell.buckets.reduce((sum, count) => sum + count, 0)
}

/** The totals as they go over the wire. */
export function toWire({
  number,
  family,
  labels,
  count,
  sum,
  buckets,
}: Totals): Cell {
  const head = { cell: number, family, labels }
  if (buckets === undefined) return { ...head, total: count }
  return { ...head, buckets: [...buckets], sum }
}
