import type { MediaKind } from 'mediasoup/types'
import type { StreamId } from '../../shared/protocol/ids.ts'
import { unixSeconds } from '../../shared/runtime/clock.ts'

import type { LegPlan } from '../ingest/leg-plan.ts'
import type { LegView } from '../ingest/leg-monitor.ts'
import type { LegFailure } from '../ingest/leg-watch.ts'
import { degradedBy, type RunningView } from './degraded.ts'

/** One leg, as GET /api/v3/webrtc/streams shows it. */
export interface LegStatus {
  /** `idle` while no sender is expected. */
  readonly state: 'idle' | 'starting' | 'live' | 'failed'
  readonly codec: string
  /** RTP packets received since the stream was started. */
  readonly packets: number
  /** Milliseconds since the last RTP packet; null before the first. */
  readonly silent_ms: number | null
  /** Why the leg failed, if it did. */
  readonly cause?: LegFailure
}

/** One stream, as GET /api/v3/webrtc/streams shows it, without `peers`. */
export interface StreamStatus {
  readonly id: StreamId
  /** `asleep`: it starts when somebody watches. */
  readonly state: 'stopped' | 'asleep' | 'starting' | 'live' | 'failed'
  /** Viewers see or hear less than they should, because a leg failed, say. */
  readonly degraded: boolean
  /** The faults and what to do about them, worst first. */
  readonly degraded_reason?: string
  readonly legs: Readonly<Partial<Record<MediaKind, LegStatus>>>
  /** Unix seconds; null while it is stopped or asleep. */
  readonly started_at: number | null
}

/** The stream as the admin API shows it. */
export function streamStatus(
  id: StreamId,
  plans: readonly LegPlan[],
  running: RunningView | 'stopped' | 'asleep',
): StreamStatus {
  if (typeof running === 'string') {
    const idle = plans.map(plan => [plan.kind, idleLeg(plan)] as const)
    return {
      id,
      state: running,
      degraded: false,
      legs: Object.fromEntries(idle),
      started_at: null,
    }
  }
  const degraded = degradedBy(running)
  const state = stateOf(running)
  return {
    id,
    state,
    degraded: degraded !== undefined,
    ...(degraded && { degraded_reason: degraded.message }),
    legs: Object.fromEntries(
      running.legs.map(leg => [leg.plan.kind, legStatus(leg)]),
    ),
    started_at: state === 'stopped' ? null : unixSeconds(running.startedAtMs),
  }
}

function idleLeg({ codec }: LegPlan): LegStatus {
  return { state: 'idle', codec, packets: 0, silent_ms: null }
}

function legStatus(leg: LegView): LegStatus {
  return {
    state: leg.state,
    codec: leg.plan.codec,
    packets: leg.packets,
    silent_ms: leg.silentMs === undefined ? null : Math.round(leg.silentMs),
    ...(leg.cause !== undefined && { cause: leg.cause }),
  }
}

function stateOf({ legs, over }: RunningView): StreamStatus['state'] {
  if (legs.some(({ state }) => state === 'live')) return 'live'
  if (legs.every(({ state }) => state === 'failed')) return 'failed'
  // FFmpeg has ended for good.
  return over ? 'stopped' : 'starting'
}
