import type { StreamId } from '../../shared/ids.ts'

import type { LegPlan } from '../ingest/leg-plan.ts'
import type { LegFailure } from '../ingest/leg-watch.ts'
import type { LegView } from '../ingest/leg-monitor.ts'
import type { LegStatus, StreamStatus } from './status.ts'

/** A stream between its start and its stop. */
export interface RunningView {
  /** Its sender is gone and nothing is due to start it again. */
  readonly over: boolean
  /** Unix milliseconds. */
  readonly startedAtMs: number
  readonly legs: readonly LegView[]
  /** False while its worker is frozen: then nothing else is known. */
  readonly workerAnswers: boolean
}

/** The stream as the admin API shows it. */
export function streamStatus(
  id: StreamId,
  plans: readonly LegPlan[],
  running: RunningView | undefined,
): StreamStatus {
  if (running === undefined) {
    const idle = plans.map(plan => [plan.kind, idleLeg(plan)] as const)
    return {
      id,
      state: 'stopped',
      degraded: false,
      legs: Object.fromEntries(idle),
      started_at: null,
    }
  }
  const reason = degradedReason(running)
  const state = stateOf(running)
  return {
    id,
    state,
    degraded: reason !== undefined,
    ...(reason !== undefined && { degraded_reason: reason }),
    legs: Object.fromEntries(
      running.legs.map(leg => [leg.plan.kind, legStatus(leg)]),
    ),
    started_at:
      state === 'stopped' ? null : Math.floor(running.startedAtMs / 1_000),
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
  // Its inputs came to their end.
  return over ? 'stopped' : 'starting'
}

const IN_WORDS = {
  exit: 'FFmpeg ended',
  silent: 'no RTP arrives',
  bind: 'a port could not be taken',
  worker: 'the media worker failed',
  encoder: 'the encoder failed',
  'no-such-stream': 'the input has no such stream',
  codec: 'browsers do not play what is copied',
} as const satisfies Record<LegFailure, string>

function degradedReason({
  legs,
  workerAnswers,
}: RunningView): string | undefined {
  if (!workerAnswers) return 'the media worker does not answer'
  const reasons = legs.flatMap(({ plan, cause, detail, lacksKeyFrames }) => {
    // It names the kind itself.
    if (detail !== undefined) return [detail]
    if (cause !== undefined) return [`${plan.kind}: ${IN_WORDS[cause]}`]
    if (!lacksKeyFrames) return []
    const hint =
      plan.codec === 'h264' ? ' (is the SPS sent in the stream?)' : ''
    return [`${plan.kind}: no key frame for 10 s${hint}`]
  })
  return reasons.length === 0 ? undefined : reasons.join('; ')
}
