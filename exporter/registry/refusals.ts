import { CLOSE_CODES, type CloseReason } from '../../shared/frames.ts'

/** Why one cell of a batch is refused; the rest of the batch counts. */
export const CELL_REFUSALS = [
  /** Not one of the catalogue's counters and histograms. */
  'unknown_family',
  /** A label too many or too few, or a value that is not the catalogue's. */
  'wrong_labels',
  /** Buckets for a counter, none for a histogram, or not as many. */
  'wrong_value',
  /** A stream that no snapshot told of, or that is forgotten again. */
  'unknown_stream',
  /** A total below the one told before. */
  'shrunk',
  /** A cell older than the one that has the series now. */
  'stale_cell',
  /** One series more than a stream, or all of them, may have. */
  'series_limit',
] as const

export type CellRefusal = (typeof CELL_REFUSALS)[number]

/** Why a whole frame is refused, and its connection with it. */
export type FrameRefusal = Exclude<CloseReason, 'replaced'> | 'too_large'

export type Refusal = CellRefusal | FrameRefusal

/** Every value of `reason` of the family of rejected observations. */
export const REFUSALS: readonly Refusal[] = [
  ...Object.keys(CLOSE_CODES).filter(isFrameRefusal),
  'too_large',
  ...CELL_REFUSALS,
]

function isFrameRefusal(reason: string): reason is FrameRefusal {
  return reason !== 'replaced' && Object.hasOwn(CLOSE_CODES, reason)
}

/** Whether `reason` is a value of the label. */
export function isRefusal(reason: unknown): reason is Refusal {
  return REFUSALS.some(refusal => refusal === reason)
}
