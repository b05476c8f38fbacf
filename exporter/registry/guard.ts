import {
  familyOf,
  isLabelValue,
  isObservedName,
  type ObservedName,
} from '../../shared/catalogue.ts'
import { isHistogramCell, type Cell } from '../../shared/frames.ts'
import { isStreamId, UNKNOWN_STREAM } from '../../shared/ids.ts'
import type { CellRefusal } from './refusals.ts'
import type { Values } from './series.ts'

/** A cell whose family, labels and shape are the catalogue's. */
export interface GoodCell {
  readonly number: number
  readonly family: ObservedName
  readonly labels: readonly string[]
  /** The label stream_id: the id of a stream or `_unknown`. */
  readonly streamId: string
  readonly told: Values
}

/**
 * Holds a cell against the catalogue: a source can make no name, label or
 * value that is not there. Whether the stream is registered, and how the
 * total compares with the one before, is the ledger's to say.
 */
export function inspectCell(cell: Cell): GoodCell | CellRefusal {
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
  const told = valuesOf(cell, family.buckets?.length)
  if (told === undefined) return 'wrong_value'
  return { number: cell.cell, family: cell.family, labels, streamId, told }
}

function valuesOf(cell: Cell, bounds: number | undefined): Values | undefined {
  if (!isHistogramCell(cell)) {
    return bounds === undefined ? [cell.total] : undefined
  }
  // One bucket more than bounds: the last is +Inf.
  if (bounds === undefined || cell.buckets.length !== bounds + 1) return
  // Sums of such sums stay finite for ever; counts are as small anyway.
  if (cell.sum > Number.MAX_SAFE_INTEGER) return
  return [...cell.buckets, cell.sum]
}
