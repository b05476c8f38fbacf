/**
 * RTP timestamps against the wall clock; pure, time is a parameter. A timestamp
 * fits if it is not older than the last one, and not further ahead of the
 * clock than earlier ones were, within a tolerance. So slow sources, and those
 * that stall and catch up, fit; jumps do not.
 */

export interface RtpTimelineOptions {
  /** Of the timestamps, Hz. */
  readonly clockRate: number
  /** A step back of up to this fits: frames may be out of order. */
  readonly maxBackMs: number
}

/** B-frames step back by less; a larger step back is a jump. */
export const MAX_REORDER_MS = 1_000

const TIMESTAMPS = 2 ** 32
/** Ahead of the clock by this much more than ever before: a jump. */
const JUMP_MS = 2_000
/** Clock drift between the two ends, per millisecond. */
const DRIFT = 1e-3

interface Point {
  readonly timestamp: number
  readonly atMs: number
  /** How far it is ahead of the clock; only differences matter. */
  readonly aheadMs: number
  /** The maximum so far, less the drift. */
  readonly maxAheadMs: number
}

export class RtpTimeline {
  readonly #options: RtpTimelineOptions
  #last: Point

  /** @param previous a timeline whose lead over the clock this one takes on */
  constructor(
    options: RtpTimelineOptions,
    timestamp: number,
    atMs: number,
    previous?: RtpTimeline,
  ) {
    const { aheadMs = 0, maxAheadMs = 0 } = previous ? previous.#last : {}
    this.#options = options
    this.#last = { timestamp, atMs, aheadMs, maxAheadMs }
  }

  /** The last timestamp that was advanced to. */
  get timestamp(): number {
    return this.#last.timestamp
  }

  /** Milliseconds from the last timestamp to this one; negative: back. */
  stepMs(timestamp: number): number {
    const ticks = ticksBetween(this.#last.timestamp, timestamp)
    return (ticks * 1_000) / this.#options.clockRate
  }

  fits(timestamp: number, nowMs: number): boolean {
    const { aheadMs } = this.#next(timestamp, nowMs)
    return (
      this.stepMs(timestamp) >= -this.#options.maxBackMs &&
      aheadMs <= this.#maxAheadAt(nowMs) + JUMP_MS
    )
  }

  /** Makes a timestamp that fits the last one. */
  advance(timestamp: number, nowMs: number): void {
    this.#last = this.#next(timestamp, nowMs)
  }

  #next(timestamp: number, atMs: number): Point {
    const { atMs: lastMs, aheadMs: lastAheadMs } = this.#last
    const aheadMs = lastAheadMs + this.stepMs(timestamp) - (atMs - lastMs)
    const maxAheadMs = Math.max(aheadMs, this.#maxAheadAt(atMs))
    return { timestamp, atMs, aheadMs, maxAheadMs }
  }

  #maxAheadAt(nowMs: number): number {
    const { atMs, maxAheadMs } = this.#last
    return maxAheadMs - DRIFT * (nowMs - atMs)
  }
}

/** How far `to` is ahead of `from`, modulo 2^32; negative: behind. */
export function ticksBetween(from: number, to: number): number {
  const ahead = (to - from + TIMESTAMPS) % TIMESTAMPS
  return ahead < TIMESTAMPS / 2 ? ahead : ahead - TIMESTAMPS
}
