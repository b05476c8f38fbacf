/** A timer that has been set. */
export interface Timer {
  /** Idempotent; after it, the timer does not fire. */
  cancel(): void
}

/** Time, as a parameter, so that tests can move it. */
export interface Clock {
  /** Monotonic milliseconds, for durations. */
  now(): number
  /** Unix milliseconds, for people. */
  unixMs(): number
  /** Calls `fire` once, `ms` milliseconds from now. */
  after(ms: number, fire: () => void): Timer
}

export const systemClock: Clock = {
  now: () => performance.now(),
  unixMs: () => Date.now(),
  after: (ms, fire) => {
    const timer = setTimeout(fire, ms)
    return {
      cancel: () => {
        clearTimeout(timer)
      },
    }
  },
}
