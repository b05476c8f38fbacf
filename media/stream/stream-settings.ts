import type { MediaLimits } from '../limits.ts'
import type { Addresses } from './endpoints.ts'

/** Settings that all streams share. */
export interface StreamSettings {
  readonly addresses: Addresses
  readonly iceConsentTimeoutS: number
  /** A leg without RTP for this long has failed. */
  readonly legTimeoutMs: number
  /** Time for a leg's first RTP packet; at least `legTimeoutMs`. */
  readonly legStartTimeoutMs: number
  /** How long a viewer waits for RTP of a stream that starts on demand. */
  readonly onDemandTimeoutMs: number
  readonly limits: MediaLimits
}
