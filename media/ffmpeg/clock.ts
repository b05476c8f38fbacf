/** What time it is, for those who must not ask the system by themselves. */
export interface Clock {
  /** Milliseconds since 1970, as people and records read it. */
  now(): number
  /** Milliseconds since some start; never goes back. */
  elapsed(): number
}

export const systemClock: Clock = {
  now: () => Date.now(),
  elapsed: () => performance.now(),
}
