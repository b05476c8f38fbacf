import {
  worstReason,
  DEGRADED_REASONS,
  type DegradedReason,
} from '../../shared/protocol/degraded.ts'

import type { Fault } from '../ingest/fault.ts'
import type { LegFailure } from '../ingest/leg-watch.ts'
import type { LegView } from '../ingest/leg-monitor.ts'

/** A started stream, for its status. */
export interface RunningView {
  /** Its sender has ended for good. */
  readonly over: boolean
  /** Unix milliseconds. */
  readonly startedAtMs: number
  readonly legs: readonly LegView[]
  /** Faults of the present run of FFmpeg. */
  readonly faults: readonly Fault[]
  /** False while its worker is frozen, when nothing else is known. */
  readonly workerAnswers: boolean
}

/** Why viewers of a stream see or hear less than they should. */
export interface Degraded {
  /** The worst reason. */
  readonly reason: DegradedReason
  /** All faults, worst first. */
  readonly message: string
}

const MESSAGES = {
  exit: 'FFmpeg ended',
  silent: 'no RTP arrives',
  bind: 'a port could not be taken',
  worker: 'the media worker failed',
  encoder: 'the encoder failed',
  'no-such-stream': 'the input has no such stream',
  codec: 'browsers do not play what is copied',
  'payload-type': 'RTP of another payload type arrives',
} as const satisfies Record<LegFailure, string>

/** Returns why a stream is degraded; undefined: it is not. */
export function degradedBy(running: RunningView): Degraded | undefined {
  const faults = faultsOf(running)
  const reason = worstReason(faults.map(fault => fault.reason))
  if (reason === undefined) return undefined
  const messages = faults.toSorted(byRank).map(fault => fault.message)
  return { reason, message: messages.join('; ') }
}

function byRank(one: Fault, other: Fault): number {
  return (
    DEGRADED_REASONS.indexOf(one.reason) -
    DEGRADED_REASONS.indexOf(other.reason)
  )
}

function faultsOf({
  legs,
  faults,
  workerAnswers,
}: RunningView): readonly Fault[] {
  if (!workerAnswers) {
    const message = 'the media worker does not answer'
    return [{ reason: 'worker-frozen', message }]
  }
  // If one leg has a wrong codec, FFmpeg exits and takes the other one along.
  const hasWrongCodec = legs.some(({ cause }) => cause === 'codec')
  const blamed = legs.filter(({ cause }) => !hasWrongCodec || cause !== 'exit')
  return [...faults, ...blamed.flatMap(legFaults)]
}

function legFaults(leg: LegView): readonly Fault[] {
  const { plan, cause, detail, faults } = leg
  const all =
    cause === undefined
      ? faults
      : [{ reason: reasonOf(cause), message: detail ?? MESSAGES[cause] }]
  return all.map(({ reason, message }) => {
    // Some messages include the kind.
    const isNamed = message.startsWith(plan.kind)
    return { reason, message: isNamed ? message : `${plan.kind}: ${message}` }
  })
}

function reasonOf(cause: LegFailure): DegradedReason {
  return cause === 'codec' || cause === 'payload-type' ? cause : 'leg-failed'
}
