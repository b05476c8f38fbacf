import { spreadText } from '../rig/stats.ts'
import { measureHop } from './hop.ts'
import type { Effort } from './rounds.ts'

/** How many times the relay's the 95th percentile of the hop may be. */
const MAX_RATIO = 2.5
/** The goal on a machine that wakes processes up as fast as a server does. */
const GOAL_US = 240
const ROUNDS = 7
/**
 * Beyond this, packets wait for a CPU rather than for the server, and the ratio
 * approaches 1 whatever the server does.
 */
const MAX_RELAY_TAIL = 4

export interface LatencyVerdict {
  readonly passed: boolean
  readonly text: string
}

/**
 * Measures the server hop of a managed stream with one viewer; its 95th
 * percentile must stay within 2.5 times the relay's (median of seven rounds).
 */
export async function checkLatency(
  effort: Omit<Effort, 'rounds'>,
): Promise<LatencyVerdict> {
  const { p95, p95Us, relayTail } = await measureHop(
    { ...effort, rounds: ROUNDS },
    'managed',
  )
  return {
    passed: p95.ratio.median <= MAX_RATIO,
    text:
      `server hop p95 of a managed stream: ${spreadText(p95.ratio)} times the ` +
      `relay's, limit ${MAX_RATIO}; ${Math.round(p95Us)} us, goal ${GOAL_US} us` +
      (relayTail > MAX_RELAY_TAIL ? '; this machine is too busy to tell' : ''),
  }
}
