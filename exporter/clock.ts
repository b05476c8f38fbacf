/** Time, as a parameter, so that tests can control it. */
export interface Clock {
  /** Wall-clock time, milliseconds since 1970; may jump. */
  readonly epochMs: () => number
  /** Milliseconds since an arbitrary start; never goes back. */
  readonly steadyMs: () => number
}

/** The time of this machine. */
export const systemClock: Clock = {
  epochMs: () => Date.now(),
  steadyMs: () => performance.now(),
}
