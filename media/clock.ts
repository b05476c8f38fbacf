/** Gives up a timer; harmless when it has fired or was given up before. */
export type Cancel = () => void

/** Time, as a parameter, so that tests can move it. */
export interface Clock {
  /** Milliseconds since 1970, for records and people; may jump. */
  epochMs(): number
  /** Milliseconds since some moment, for durations; never goes back. */
  steadyMs(): number
  /** Calls `run` once, `ms` milliseconds from now. */
  after(ms: number, run: () => void): Cancel
}

/** The machine's own time. */
export const systemClock: Clock = {
  epochMs: () => Date.now(),
  steadyMs: () => performance.now(),
  after: (ms, run) => {
    const timer = setTimeout(run, ms)
    return () => {
      clearTimeout(timer)
    }
  },
}

/**
 * Calls `run` every `ms` milliseconds, once the event loop has read what
 * arrived before. Node runs timers first: a process that was paused, or got no
 * CPU, would otherwise take its own pause for the silence of others.
 */
export function repeatAfterInput(ms: number, run: () => void): Cancel {
  let pending: NodeJS.Immediate | undefined
  const timer = setInterval(() => {
    pending = setImmediate(run)
  }, ms)
  timer.unref()
  return () => {
    clearInterval(timer)
    clearImmediate(pending)
  }
}
