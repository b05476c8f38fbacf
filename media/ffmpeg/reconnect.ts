/** When a process is restarted after its run has ended. */
export interface ReconnectPolicy {
  readonly enabled: boolean
  /** The fixed delay; with `backoff`, the first one. */
  readonly delayMs: number
  readonly backoff?: {
    readonly maxMs: number
    /** Share of the delay, 0 to 1, that is random. */
    readonly jitter: number
  }
}

/**
 * Minimum time between two starts, so that a process that fails at once does
 * not spin.
 */
const MIN_PERIOD_MS = 1_000

/** A run of at least this length resets the back-off. */
export const HEALTHY_MS = 60_000

/**
 * Returns the delay before the next start, milliseconds.
 * @param failures number of consecutive unhealthy runs, including the last
 * @param ranMs duration of the last run
 * @param random from 0 to below 1
 */
export function reconnectDelayMs(
  { delayMs, backoff }: ReconnectPolicy,
  failures: number,
  ranMs: number,
  random: number,
): number {
  const minMs = Math.max(0, MIN_PERIOD_MS - ranMs)
  if (backoff === undefined) return Math.max(minMs, delayMs)
  const first = Math.max(delayMs, MIN_PERIOD_MS)
  // Bounded, because 2 ** 1024 is Infinity.
  const doublings = Math.min(Math.max(failures - 1, 0), 50)
  const full = Math.min(first * 2 ** doublings, Math.max(backoff.maxMs, first))
  return Math.max(minMs, full * (1 - backoff.jitter * random))
}
