import type { StreamId } from '../../shared/protocol/ids.ts'

import type { LegPlan } from '../ingest/leg-plan.ts'
import type { LegView } from '../ingest/leg-monitor.ts'
import { degradedBy, type RunningView } from './degraded.ts'
import type { LegStatus, StreamStatus } from './status.ts'

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
  const degraded = degradedBy(running)
  const state = stateOf(running)
  return {
    id,
    state,
    degraded: degraded !== undefined,
    ...(degraded && { degraded_reason: degraded.words }),
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
