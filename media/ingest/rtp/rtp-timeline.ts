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

/** Ahead of the clock by this much more than ever before: a jump. */
const JUMP_MS = 2_000
/** Clock drift between the two ends, per millisecond. */
const DRIFT = 1e-3

export class RtpTimeline {
  readonly #options: RtpTimelineOptions
  // Of the last timestamp. No object, because every packet changes them.
  #timestamp: number
  #atMs: number
  /** How far it is ahead of the clock; only differences matter. */
  #aheadMs: number
  /** The maximum so far, less the drift. */
  #maxAheadMs: number

  /** @param previous a timeline whose lead over the clock this one takes on */
  constructor(
    options: RtpTimelineOptions,
    timestamp: number,
    atMs: number,
    previous?: RtpTimeline,
  ) {
    this.#options = options
    this.#timestamp = timestamp
    this.#atMs = atMs
    this.#aheadMs = previous ? previous.#aheadMs : 0
    this.#maxAheadMs = previous ? previous.#maxAheadMs : 0
  }

  /** The last timestamp that was advanced to. */
  get timestamp(): number {
    return this.#timestamp
  }

  /** Milliseconds from the last timestamp to this one; negative: back. */
  stepMs(timestamp: number): number {
    const ticks = ticksBetween(this.#timestamp, timestamp)
    return (ticks * 1_000) / this.#options.clockRate
  }

  fits(timestamp: number, nowMs: number): boolean {
    const aheadMs = this.#aheadAt(timestamp, nowMs)
    return (
      this.stepMs(timestamp) >= -this.#options.maxBackMs &&
      aheadMs <= this.#maxAheadAt(nowMs) + JUMP_MS
    )
  }

  /** Makes a timestamp that fits the last one. */
  advance(timestamp: number, nowMs: number): void {
    const aheadMs = this.#aheadAt(timestamp, nowMs)
    this.#maxAheadMs = Math.max(aheadMs, this.#maxAheadAt(nowMs))
    this.#aheadMs = aheadMs
    this.#timestamp = timestamp
    this.#atMs = nowMs
  }

  #aheadAt(timestamp: number, nowMs: number): number {
    return this.#aheadMs + this.stepMs(timestamp) - (nowMs - this.#atMs)
  }

  #maxAheadAt(nowMs: number): number {
    return this.#maxAheadMs - DRIFT * (nowMs - this.#atMs)
  }
}

/** How far `to` is ahead of `from`, modulo 2^32; negative: behind. */
export function ticksBetween(from: number, to: number): number {
  return (to - from) | 0
}
