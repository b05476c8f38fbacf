/**
 * Detects B-frames and timestamp jumps from the RTP timestamps of a video leg,
 * before they are rewritten. Pure, time is a parameter; works on a sample of
 * the packets too.
 */
import { MAX_REORDER_MS, RtpTimeline } from '../rtp/rtp-timeline.ts'

export interface FrameOrderOptions {
  readonly clockRate: number
  /** Minimum number of jumps within ten seconds that is a fault. */
  readonly minJumps: number
}

const WINDOW_MS = 10_000
/** This many steps back within this time are B-frames. */
const MIN_STEPS_BACK = 3
const STEPS_BACK_WINDOW_MS = 4_000

export class FrameOrder {
  readonly #options: FrameOrderOptions
  #timeline: RtpTimeline | undefined
  /** Times of the recent steps back, and of the recent jumps. */
  #stepsBackMs: readonly number[] = []
  #jumpsMs: readonly number[] = []
  #hasBFrames = false

  constructor(options: FrameOrderOptions) {
    this.#options = options
  }

  /** A new sender: its timestamps are unrelated to the last one's. */
  begin(): void {
    this.#timeline = undefined
  }

  observe(timestamp: number, nowMs: number): void {
    const timeline = this.#timeline
    if (timeline?.timestamp === timestamp) return
    if (timeline?.fits(timestamp, nowMs) !== true) {
      this.#timeline = this.#newTimeline(timestamp, nowMs)
      if (timeline) this.#jumpsMs = recent([...this.#jumpsMs, nowMs], nowMs)
      return
    }
    if (timeline.stepMs(timestamp) < 0) {
      this.#stepsBackMs = recent([...this.#stepsBackMs, nowMs], nowMs)
    }
    timeline.advance(timestamp, nowMs)
  }

  hasBFrames(nowMs: number): boolean {
    const stepsBack = recent(this.#stepsBackMs, nowMs)
    const dense = stepsBack.filter(
      atMs => atMs >= (stepsBack.at(-1) ?? 0) - STEPS_BACK_WINDOW_MS,
    )
    // Hysteresis: cleared after ten seconds without a step back.
    this.#hasBFrames =
      dense.length >= MIN_STEPS_BACK ||
      (this.#hasBFrames && stepsBack.length > 0)
    return this.#hasBFrames
  }

  /** Number of jumps in the last ten seconds; 0 if below `minJumps`. */
  jumps(nowMs: number): number {
    const { length } = recent(this.#jumpsMs, nowMs)
    return length >= this.#options.minJumps ? length : 0
  }

  #newTimeline(timestamp: number, nowMs: number): RtpTimeline {
    const { clockRate } = this.#options
    const options = { clockRate, maxBackMs: MAX_REORDER_MS }
    return new RtpTimeline(options, timestamp, nowMs)
  }
}

function recent(times: readonly number[], nowMs: number): readonly number[] {
  return times.filter(atMs => nowMs - atMs < WINDOW_MS)
}
