/** When a process whose run ended is started again. */
export interface ReconnectPolicy {
  readonly enabled: boolean
  /** The fixed delay; with `backoff`, the first one. */
  readonly delayMs: number
  readonly backoff?: {
    readonly maxMs: number
    /** Part of the delay, 0 to 1, that is taken at random. */
    readonly jitter: number
  }
}

/** Without it, a delay of 0 would make a process that fails at once a loop. */
export const MIN_PERIOD_MS = 1_000

/** A run of at least this length forgets the failures before it. */
export const HEALTHY_MS = 60_000

/**
 * The delay before the next start, milliseconds.
 * @param failures runs in a row that were not healthy, this one included
 * @param ranMs how long the run that ended took
 * @param random 0 up to but not 1
 */
export function reconnectDelayMs(
  { delayMs, backoff }: ReconnectPolicy,
  failures: number,
  ranMs: number,
  random: number,
): number {
  const least = Math.max(0, MIN_PERIOD_MS - ranMs)
  if (backoff === undefined) return Math.max(least, delayMs)
  const first = Math.max(delayMs, MIN_PERIOD_MS)
  // 2 ** 1000 is still a number, 2 ** 2000 is not.
  const doublings = Math.min(Math.max(failures - 1, 0), 50)
  const full = Math.min(first * 2 ** doublings, Math.max(backoff.maxMs, first))
  return Math.max(least, full * (1 - backoff.jitter * random))
}
