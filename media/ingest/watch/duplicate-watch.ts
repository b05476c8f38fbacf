/**
 * Tells whether FFmpeg sends duplicates of one frame only, as it does to fill
 * a constant frame rate where timestamps leap. Pure: fed with its progress.
 */
import type { Progress } from '../../ffmpeg/progress.ts'

/** The least time of duplicates only, ms. */
const STANDS_AFTER_MS = 9_000
/**
 * The most frames of one picture: 60 a second for the 30 s that a slow source
 * may pause, and some. FFmpeg 5.1 reports progress only after it has sent all
 * duplicates of a frame, so each report has one picture.
 */
const MAX_FRAMES_PER_PICTURE = 2_000

export class CopyWatch {
  #frames = 0
  #copies = 0
  /** Since when there have been duplicates only. */
  #sinceMs: number | undefined
  /** The last progress that counted frames. */
  #lastMs: number | undefined

  /** A new run of FFmpeg, which counts from 0. */
  begin(): void {
    this.#frames = 0
    this.#copies = 0
    this.#sinceMs = undefined
    this.#lastMs = undefined
  }

  progressed(
    { frame, dup }: Pick<Progress, 'frame' | 'dup'>,
    nowMs: number,
  ): void {
    const frames = frame - this.#frames
    const pictures = frames - (dup - this.#copies)
    this.#frames = frame
    this.#copies = dup
    if (frames <= 0) return
    if (pictures * MAX_FRAMES_PER_PICTURE > frames) {
      this.#sinceMs = undefined
    } else {
      this.#sinceMs ??= this.#lastMs ?? nowMs
    }
    this.#lastMs = nowMs
  }

  get stands(): boolean {
    if (this.#sinceMs === undefined || this.#lastMs === undefined) return false
    return this.#lastMs - this.#sinceMs >= STANDS_AFTER_MS
  }
}
