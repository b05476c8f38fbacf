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
  readonly limits: MediaLimits
}
