/**
 * Whether FFmpeg sends nothing but duplicates of one frame, as it does to fill
 * a constant frame rate after a timestamp jump. Pure: fed with its progress.
 */
import type { Progress } from '../../ffmpeg/progress.ts'

/** Duplicates only for this long: the picture is frozen. */
const FROZEN_AFTER_MS = 9_000
/**
 * Maximum frames per source picture: 60 a second for the 30 s that a slow
 * source may pause, plus a margin. FFmpeg 5.1 reports progress only after it
 * has sent all duplicates of a frame, so each report has one picture.
 */
const MAX_FRAMES_PER_PICTURE = 2_000

export class DuplicateWatch {
  #frames = 0
  #duplicates = 0
  /** Since when there have been duplicates only. */
  #sinceMs: number | undefined
  /** When frames were last added. */
  #lastMs: number | undefined

  /** Resets for a new run of FFmpeg, which counts from 0. */
  begin(): void {
    this.#frames = 0
    this.#duplicates = 0
    this.#sinceMs = undefined
    this.#lastMs = undefined
  }

  progressed(
    { frame, dup }: Pick<Progress, 'frame' | 'dup'>,
    nowMs: number,
  ): void {
    const frames = frame - this.#frames
    const pictures = frames - (dup - this.#duplicates)
    this.#frames = frame
    this.#duplicates = dup
    if (frames <= 0) return
    if (pictures * MAX_FRAMES_PER_PICTURE > frames) {
      this.#sinceMs = undefined
    } else {
      this.#sinceMs ??= this.#lastMs ?? nowMs
    }
    this.#lastMs = nowMs
  }

  get isFrozen(): boolean {
    if (this.#sinceMs === undefined || this.#lastMs === undefined) return false
    return this.#lastMs - this.#sinceMs >= FROZEN_AFTER_MS
  }
}
