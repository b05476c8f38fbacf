import type { Addresses } from './endpoints.ts'

/** What every stream shares. */
export interface StreamSettings {
  readonly addresses: Addresses
  readonly iceConsentTimeoutS: number
  readonly legTimeoutMs: number
  /** How long a leg may take to its first RTP; never less than legTimeoutMs. */
  readonly legStartTimeoutMs: number
  /** How long a video leg may be without key frame. */
  readonly keyFrameLimitMs?: number
  /** How long a payload-type layout without viewers is kept. */
  readonly feedIdleMs?: number
}
