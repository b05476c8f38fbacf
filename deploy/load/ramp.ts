import { MAX_VIEWERS } from './options.ts'
import type { Crowd } from './viewers/crowd.ts'
import { faultOf, plays } from './viewers/status.ts'

/** How many viewers the installation holds. */
export interface RampResult {
  /** Viewers of the last step in which all played. */
  readonly held: number
  /** What ended the ramp. */
  readonly limit: string
}

export interface RampOptions {
  readonly crowd: Crowd
  /** Viewers of the first step. */
  readonly first: number
  /** Viewers added in each further step. */
  readonly step: number
  /**
   * Returns the share of this machine's CPU that the product and the viewers
   * used since the last call.
   */
  readonly cpuShare: () => number
  /** Waits a moment; resolves to false when the run is over. */
  readonly tick: () => Promise<boolean>
}

/** How long all viewers of a step have to play before the next. */
const HOLD_TIMEOUT_MS = 10_000
/** Above it, viewers and product compete for the CPU. */
const MAX_CPU_SHARE = 0.9

/**
 * Adds viewers until one of them does not play or is refused, the machine is
 * full, or the run is over.
 */
export async function ramp(options: RampOptions): Promise<RampResult> {
  const { crowd, first, step, cpuShare, tick } = options
  let held = 0
  for (let next = first; ; next = step) {
    if (crowd.size + next > MAX_VIEWERS) {
      return { held, limit: `the maximum of this program, ${MAX_VIEWERS}` }
    }
    crowd.add(next)
    while (!crowd.statuses.every(plays)) {
      const limit = failureIn(crowd)
      if (limit !== undefined) return { held, limit }
      if (!(await tick())) return { held, limit: 'the run was over' }
    }
    cpuShare()
    const heldMs = performance.now() + HOLD_TIMEOUT_MS
    while (performance.now() < heldMs) {
      if (!(await tick())) return { held, limit: 'the run was over' }
      const limit = failureIn(crowd)
      if (limit !== undefined) return { held, limit }
    }
    const share = cpuShare()
    if (share > MAX_CPU_SHARE) {
      const percent = (share * 100).toFixed(0)
      return {
        held,
        limit: `the CPU: product and viewers take ${percent} % of it`,
      }
    }
    held = crowd.size
  }
}

function failureIn(crowd: Crowd): string | undefined {
  for (const status of crowd.statuses) {
    const fault = faultOf(status)
    if (fault === undefined) continue
    return `viewer ${status.viewer} of ${crowd.size} (${status.stream}): ${fault}`
  }
  return undefined
}
