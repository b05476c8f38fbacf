/** Gives up a timer; harmless when it has fired or was given up before. */
export type Cancel = () => void

/** Time as the outbox needs it. */
export interface Clock {
  /** Milliseconds that never go back, from any start. */
  nowMs(): number
  /** Calls `run` once after `ms` milliseconds. */
  after(ms: number, run: () => void): Cancel
}

/** The machine's own time. */
export const systemClock: Clock = {
  nowMs: () => performance.now(),
  after: (ms, run) => {
    const timer = setTimeout(run, ms)
    return () => {
      clearTimeout(timer)
    }
  },
}
