import { CLOSE_CODES, type CloseReason } from '../../shared/protocol/frames.ts'

/** Why one cell of a batch is rejected; the rest of the batch counts. */
const CELL_REJECTIONS = [
  /** Not a counter or histogram of the catalogue. */
  'unknown_family',
  /** Too many or too few labels, or a value outside the catalogue. */
  'wrong_labels',
  /** Buckets for a counter, none for a histogram, or a wrong number of them. */
  'wrong_value',
  /** A stream that no snapshot announced, or that has expired. */
  'unknown_stream',
  /** A total below the previous one. */
  'shrunk',
  /** A cell older than the series' current one. */
  'stale_cell',
  /** A series beyond the limit of its stream, or of the exporter. */
  'series_limit',
] as const

export type CellRejection = (typeof CELL_REJECTIONS)[number]

/** Why a whole frame is rejected, and its connection closed. */
export type FrameRejection = Exclude<CloseReason, 'replaced'> | 'too_large'

export type Rejection = CellRejection | FrameRejection

/** Every `reason` of dragonfork_exporter_observations_rejected_total. */
export const REJECTIONS: readonly Rejection[] = [
  ...Object.keys(CLOSE_CODES).filter(isFrameRejection),
  'too_large',
  ...CELL_REJECTIONS,
]

function isFrameRejection(reason: string): reason is FrameRejection {
  return reason !== 'replaced' && Object.hasOwn(CLOSE_CODES, reason)
}

/** Whether `reason` is a value of that label. */
export function isRejection(reason: unknown): reason is Rejection {
  return REJECTIONS.some(rejection => rejection === reason)
}
