import {
  familyOf,
  isLabelValue,
  isObservedName,
  type ObservedName,
} from '../../shared/protocol/catalogue.ts'
import { isHistogramCell, type Cell } from '../../shared/protocol/frames.ts'
import { isStreamId, UNKNOWN_STREAM } from '../../shared/protocol/ids.ts'
import type { CellRejection } from './rejections.ts'
import type { Values } from './series.ts'

/** A cell whose family, labels and shape are in the catalogue. */
export interface ValidCell {
  readonly number: number
  readonly family: ObservedName
  readonly labels: readonly string[]
  /** The label stream_id: the id of a stream, or `_unknown`. */
  readonly streamId: string
  readonly total: Values
}

/**
 * Checks a cell against the catalogue, so that a media process cannot create
 * names, labels or values outside it. The ledger checks the rest: whether the
 * stream is registered, and whether the total has grown.
 */
export function inspectCell(cell: Cell): ValidCell | CellRejection {
  if (!isObservedName(cell.family)) return 'unknown_family'
  const family = familyOf(cell.family)
  const { labels } = cell
  if (labels.length !== family.labels.length) return 'wrong_labels'
  let streamId = ''
  for (const [i, name] of family.labels.entries()) {
    const value = labels[i] ?? ''
    if (!isLabelValue(name, value)) return 'wrong_labels'
    if (name !== 'stream_id') continue
    if (!isStreamId(value) && value !== UNKNOWN_STREAM) return 'wrong_labels'
    streamId = value
  }
  const total = valuesOf(cell, family.buckets?.length)
  if (total === undefined) return 'wrong_value'
  return { number: cell.cell, family: cell.family, labels, streamId, total }
}

function valuesOf(cell: Cell, bounds: number | undefined): Values | undefined {
  if (!isHistogramCell(cell)) {
    return bounds === undefined ? [cell.total] : undefined
  }
  // There is one bucket more than bounds: the last one is +Inf.
  if (bounds === undefined || cell.buckets.length !== bounds + 1) return
  // Keeps sums over many boots finite; counts are limited in the frame.
  if (cell.sum > Number.MAX_SAFE_INTEGER) return
  return [...cell.buckets, cell.sum]
}
