/**
 * Keeps the timestamps of one sender continuous. A timestamp that jumps is
 * replaced by the one expected from the clock; two consistent ones establish a
 * new time base, one alone does not.
 */
import { RtpTimeline, ticksBetween } from './rtp-timeline.ts'

export interface TimestampRewriterOptions {
  /** Of the timestamps, Hz. */
  readonly clockRate: number
  /** A step back of up to this is not a jump. */
  readonly maxBackMs: number
  /** Timestamp of the first packet. */
  readonly timestamp: number
  /** Offset of the first packet. */
  readonly offset: number
  readonly nowMs: number
  /** Returns the timestamp that viewers expect at that time. */
  readonly expected: (nowMs: number) => number
}

/** Timestamps that are consistent with each other share an offset. */
interface TimeBase {
  offset: number
  readonly timeline: RtpTimeline
  /** Two different timestamps fitted it. */
  isConfirmed: boolean
}

const TIMESTAMPS = 2 ** 32
/** Late packets are within this of their time base. */
const MAX_LATE_MS = 2_000

export class TimestampRewriter {
  readonly #options: TimestampRewriterOptions
  #base: TimeBase
  /** The previous base, until the current one is confirmed. */
  #previous: TimeBase | undefined
  #jumps = 0

  constructor(options: TimestampRewriterOptions) {
    const { timestamp, offset, nowMs } = options
    this.#options = options
    const timeline = new RtpTimeline(options, timestamp, nowMs)
    this.#base = { offset, timeline, isConfirmed: false }
  }

  /** The offset of the last packet. */
  get offset(): number {
    return this.#base.offset
  }

  /** Number of timestamps that did not fit those before. */
  get jumps(): number {
    return this.#jumps
  }

  /**
   * Returns the offset for the next packet in order.
   * @param forwarded timestamp of the last packet that was forwarded
   */
  offsetOf(
    timestamp: number,
    nowMs: number,
    forwarded: number | undefined,
  ): number {
    // The other packets of a frame: the base stays.
    if (timestamp === this.#base.timeline.timestamp) return this.#base.offset
    if (this.#base.timeline.fits(timestamp, nowMs)) {
      this.#base.isConfirmed = true
      this.#previous = undefined
    } else if (this.#previous?.timeline.fits(timestamp, nowMs) === true) {
      this.#base = this.#previous
      this.#previous = undefined
      this.#keepAfter(forwarded, timestamp)
    } else {
      this.#jump(timestamp, nowMs)
    }
    this.#base.timeline.advance(timestamp, nowMs)
    return this.#base.offset
  }

  /** Returns the offset for a packet that arrives out of order. */
  lateOffsetOf(timestamp: number): number {
    const isNear = ({ timeline }: TimeBase) =>
      Math.abs(timeline.stepMs(timestamp)) < MAX_LATE_MS
    const bases = [this.#base, ...(this.#previous ? [this.#previous] : [])]
    return (bases.find(isNear) ?? this.#base).offset
  }

  #jump(timestamp: number, nowMs: number): void {
    const last = this.#base
    const offset = this.#options.expected(nowMs) - timestamp + TIMESTAMPS
    this.#jumps++
    this.#previous = last.isConfirmed ? last : this.#previous
    this.#base = {
      offset: offset % TIMESTAMPS,
      timeline: new RtpTimeline(this.#options, timestamp, nowMs, last.timeline),
      isConfirmed: false,
    }
  }

  /** The timestamp that replaced an outlier must not be after the next one. */
  #keepAfter(forwarded: number | undefined, timestamp: number): void {
    if (forwarded === undefined) return
    const base = this.#base
    const ahead = ticksBetween(
      forwarded,
      (timestamp + base.offset) % TIMESTAMPS,
    )
    if (ahead <= 0) base.offset = (base.offset + 1 - ahead) % TIMESTAMPS
  }
}
