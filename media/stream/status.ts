import type { MediaKind } from 'mediasoup/types'
import type { StreamId } from '../../shared/protocol/ids.ts'
import type { LegFailure } from '../ingest/leg-watch.ts'

/** One leg, as GET /api/v3/webrtc/streams shows it. */
export interface LegStatus {
  /** `idle` before the first start and after a stop. */
  readonly state: 'idle' | 'starting' | 'live' | 'failed'
  readonly codec: string
  /** RTP packets received since the stream was started. */
  readonly packets: number
  /** Milliseconds since the last RTP packet was seen; null before the first. */
  readonly silent_ms: number | null
  /** Why the leg failed, where it did. */
  readonly cause?: LegFailure
}

/** One stream, as GET /api/v3/webrtc/streams shows it, without `peers`. */
export interface StreamStatus {
  readonly id: StreamId
  readonly state: 'stopped' | 'starting' | 'live' | 'failed'
  /**
   * Viewers see or hear less than they should: a leg failed, say, or the
   * picture stands.
   */
  readonly degraded: boolean
  /** What is wrong and what can be done, worst first. */
  readonly degraded_reason?: string
  readonly legs: Readonly<Partial<Record<MediaKind, LegStatus>>>
  /** Unix seconds; null when it is not running. */
  readonly started_at: number | null
}
