/** Cancels a timer; does nothing once it has fired or been cancelled. */
export type Cancel = () => void

/** Time, as a parameter, so that tests can control it. */
export interface Clock {
  /** Wall-clock time for records and people, milliseconds since 1970; may jump. */
  readonly epochMs: () => number
  /** Milliseconds since an arbitrary start, for durations; never goes back. */
  readonly steadyMs: () => number
  /**
   * Calls `run` once, `ms` milliseconds from now, after the event loop has read
   * what arrived before. Node runs timers first: a process that was paused, or
   * got no CPU, would mistake its own pause for the silence of others.
   */
  readonly after: (ms: number, run: () => void) => Cancel
}

/** Whole Unix seconds of a time in milliseconds. */
export function unixSeconds(epochMs: number): number {
  return Math.floor(epochMs / 1_000)
}

/** The time of this machine. */
export const systemClock: Clock = {
  epochMs: () => Date.now(),
  steadyMs: () => performance.now(),
  after: (ms, run) => {
    let pending: NodeJS.Immediate | undefined
    const timer = setTimeout(() => {
      pending = setImmediate(run)
    }, ms)
    return () => {
      clearTimeout(timer)
      clearImmediate(pending)
    }
  },
}

/**
 * Calls `run` every `ms` milliseconds, after input as `Clock.after` does, first
 * after half to one and a half of them. Timers of equal `ms` fire together, and
 * with those of its multiples: a wake-up costs more than most of the work that
 * it is for.
 */
export function repeatAfterInput(ms: number, run: () => void): Cancel {
  let pending: NodeJS.Immediate | undefined
  let timer: NodeJS.Timeout | undefined
  const plan = () => {
    const leftMs = ms - (performance.now() % ms)
    // A timer that fired a little early would fire again at once.
    const waitMs = leftMs < ms / 2 ? leftMs + ms : leftMs
    timer = setTimeout(() => {
      plan()
      pending = setImmediate(run)
    }, Math.ceil(waitMs)).unref()
  }
  plan()
  return () => {
    clearTimeout(timer)
    clearImmediate(pending)
  }
}
