/**
 * RTP timestamps against the clock: pure, told what time it is. A timestamp
 * is good where it is not before the last one, and not more ahead of the
 * clock than all before it were. So slow sources, and those that stall and
 * catch up, are good; one that leaps or falls back is not.
 */

export interface RtpTimelineOptions {
  /** Of the timestamps, Hz. */
  readonly clockRate: number
  /** A step back of up to so much is good: frames may be out of order. */
  readonly mostBackMs: number
}

const TIMESTAMPS = 2 ** 32
/** More ahead of the clock than ever before by so much is a leap. */
const LEAP_MS = 2_000
/** By so much a millisecond the clocks of the two ends may part. */
const DRIFT = 1e-3

interface Point {
  readonly timestamp: number
  readonly atMs: number
  /** How far ahead of the clock it is; only differences tell. */
  readonly aheadMs: number
  /** The most that any was, drift allowed for. */
  readonly mostAheadMs: number
}

export class RtpTimeline {
  readonly #options: RtpTimelineOptions
  #last: Point

  /** @param like whose lag behind the clock this one is to have */
  constructor(
    options: RtpTimelineOptions,
    timestamp: number,
    atMs: number,
    like?: RtpTimeline,
  ) {
    const { aheadMs = 0, mostAheadMs = 0 } = like ? like.#last : {}
    this.#options = options
    this.#last = { timestamp, atMs, aheadMs, mostAheadMs }
  }

  /** The last timestamp that it took. */
  get timestamp(): number {
    return this.#last.timestamp
  }

  /** Milliseconds from the last timestamp to this one; less than 0: back. */
  stepMs(timestamp: number): number {
    const ticks = ticksBetween(this.#last.timestamp, timestamp)
    return (ticks * 1_000) / this.#options.clockRate
  }

  fits(timestamp: number, nowMs: number): boolean {
    const { aheadMs } = this.#next(timestamp, nowMs)
    return (
      this.stepMs(timestamp) >= -this.#options.mostBackMs &&
      aheadMs <= this.#most(nowMs) + LEAP_MS
    )
  }

  /** Takes a timestamp that fits as the last. */
  take(timestamp: number, nowMs: number): void {
    this.#last = this.#next(timestamp, nowMs)
  }

  #next(timestamp: number, atMs: number): Point {
    const { atMs: lastMs, aheadMs: lastAheadMs } = this.#last
    const aheadMs = lastAheadMs + this.stepMs(timestamp) - (atMs - lastMs)
    const mostAheadMs = Math.max(aheadMs, this.#most(atMs))
    return { timestamp, atMs, aheadMs, mostAheadMs }
  }

  #most(nowMs: number): number {
    const { atMs, mostAheadMs } = this.#last
    return mostAheadMs - DRIFT * (nowMs - atMs)
  }
}

/** How far `to` is after `from`, on the circle of timestamps. */
export function ticksBetween(from: number, to: number): number {
  const ahead = (to - from + TIMESTAMPS) % TIMESTAMPS
  return ahead < TIMESTAMPS / 2 ? ahead : ahead - TIMESTAMPS
}
