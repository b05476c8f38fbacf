/**
 * What is added to one sender's timestamps so that they go on without a
 * break. A timestamp that leaps or falls back gets the one that is expected
 * by the clock; two that agree make a new base, one alone does not.
 */
import { RtpTimeline, ticksBetween } from './rtp-timeline.ts'

export interface SenderClockOptions {
  /** Of the timestamps, Hz. */
  readonly clockRate: number
  /** A step back of up to so much is no leap. */
  readonly mostBackMs: number
  /** Of the first packet. */
  readonly timestamp: number
  /** Added to it. */
  readonly shift: number
  readonly nowMs: number
  /** The timestamp that viewers expect at that time. */
  readonly expected: (nowMs: number) => number
}

/** Timestamps that go together. */
interface Base {
  shift: number
  readonly timeline: RtpTimeline
  /** More than one timestamp was of it. */
  isSure: boolean
}

const TIMESTAMPS = 2 ** 32
/** Late packets are not further from their base than this. */
const LATE_MS = 2_000

export class SenderClock {
  readonly #options: SenderClockOptions
  #base: Base
  /** The base before, until the present one is sure. */
  #before: Base | undefined
  #leaps = 0

  constructor(options: SenderClockOptions) {
    const { timestamp, shift, nowMs } = options
    this.#options = options
    const timeline = new RtpTimeline(options, timestamp, nowMs)
    this.#base = { shift, timeline, isSure: false }
  }

  /** Added to the last timestamp. */
  get shift(): number {
    return this.#base.shift
  }

  /** How often a timestamp did not go with those before. */
  get leaps(): number {
    return this.#leaps
  }

  /** What is added to the timestamp of the next packet in order. */
  shiftOf(timestamp: number, nowMs: number, passed: number | undefined) {
    if (this.#base.timeline.fits(timestamp, nowMs)) {
      if (timestamp !== this.#base.timeline.timestamp) {
        this.#base.isSure = true
        this.#before = undefined
      }
    } else if (this.#before?.timeline.fits(timestamp, nowMs) === true) {
      this.#base = this.#before
      this.#before = undefined
      this.#keepAfter(passed, timestamp)
    } else {
      this.#leap(timestamp, nowMs)
    }
    this.#base.timeline.take(timestamp, nowMs)
    return this.#base.shift
  }

  /** What is added to the timestamp of a packet that comes late. */
  lateShiftOf(timestamp: number): number {
    const isNear = ({ timeline }: Base) =>
      Math.abs(timeline.stepMs(timestamp)) < LATE_MS
    const bases = [this.#base, ...(this.#before ? [this.#before] : [])]
    return (bases.find(isNear) ?? this.#base).shift
  }

  #leap(timestamp: number, nowMs: number): void {
    const last = this.#base
    const shift = this.#options.expected(nowMs) - timestamp + TIMESTAMPS
    this.#leaps++
    this.#before = last.isSure ? last : this.#before
    this.#base = {
      shift: shift % TIMESTAMPS,
      timeline: new RtpTimeline(this.#options, timestamp, nowMs, last.timeline),
      isSure: false,
    }
  }

  /** What stood in for a wild timestamp must not be after the next one. */
  #keepAfter(passed: number | undefined, timestamp: number): void {
    if (passed === undefined) return
    const base = this.#base
    const ahead = ticksBetween(passed, (timestamp + base.shift) % TIMESTAMPS)
    if (ahead <= 0) base.shift = (base.shift + 1 - ahead) % TIMESTAMPS
  }
}
