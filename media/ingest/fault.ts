import type { DegradedReason } from '../../shared/protocol/degraded.ts'

/** Why viewers see or hear less than they should although RTP flows. */
export interface Fault {
  readonly reason: DegradedReason
  /** What is wrong, and what an operator can do about it. */
  readonly message: string
}
