/**
 * What the timestamps of a video leg tell of its pictures, as the source sends
 * them: pure, told what time it is. Some packets may be left out.
 */
import { RtpTimeline } from '../rtp/rtp-timeline.ts'

export interface FrameOrderOptions {
  readonly clockRate: number
  /** So many leaps within ten seconds are too many. */
  readonly leaps: number
}

/** B-frames go back by less; what goes back further has leapt. */
export const MOST_REORDERED_MS = 1_000
const KEPT_MS = 10_000
/** So many steps back within so short a time are B-frames. */
const STEPS_BACK = 3
const STEPS_BACK_WITHIN_MS = 4_000

export class FrameOrder {
  readonly #options: FrameOrderOptions
  #timeline: RtpTimeline | undefined
  /** When there was a step back, and when a leap, of late. */
  #backMs: readonly number[] = []
  #leapsMs: readonly number[] = []
  #hasBFrames = false

  constructor(options: FrameOrderOptions) {
    this.#options = options
  }

  /** Another sender: what it sends does not go on where the last ended. */
  begin(): void {
    this.#timeline = undefined
  }

  packet(timestamp: number, nowMs: number): void {
    const timeline = this.#timeline
    if (timeline?.timestamp === timestamp) return
    if (timeline?.fits(timestamp, nowMs) !== true) {
      this.#timeline = this.#anew(timestamp, nowMs)
      if (timeline) this.#leapsMs = lately([...this.#leapsMs, nowMs], nowMs)
      return
    }
    if (timeline.stepMs(timestamp) < 0) {
      this.#backMs = lately([...this.#backMs, nowMs], nowMs)
    }
    timeline.take(timestamp, nowMs)
  }

  hasBFrames(nowMs: number): boolean {
    const recent = lately(this.#backMs, nowMs)
    const dense = recent.filter(
      atMs => atMs >= (recent.at(-1) ?? 0) - STEPS_BACK_WITHIN_MS,
    )
    // Once seen, it takes ten seconds without any to be over.
    this.#hasBFrames =
      dense.length >= STEPS_BACK || (this.#hasBFrames && recent.length > 0)
    return this.#hasBFrames
  }

  /** How often it leapt of late, where that is too often; else 0. */
  leaps(nowMs: number): number {
    const { length } = lately(this.#leapsMs, nowMs)
    return length >= this.#options.leaps ? length : 0
  }

  #anew(timestamp: number, nowMs: number): RtpTimeline {
    const { clockRate } = this.#options
    const options = { clockRate, mostBackMs: MOST_REORDERED_MS }
    return new RtpTimeline(options, timestamp, nowMs)
  }
}

function lately(times: readonly number[], nowMs: number): readonly number[] {
  return times.filter(atMs => nowMs - atMs < KEPT_MS)
}
