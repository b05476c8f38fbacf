/**
 * Whether all that FFmpeg sends are copies of one frame, as it makes them to
 * fill up to a frame rate where timestamps leap: pure, told its progress.
 */
import type { Progress } from '../ffmpeg/progress.ts'

/** Progress is reported once a second: this is ten seconds of copies. */
const STANDS_AFTER_MS = 9_000

export class CopyWatch {
  #frames = 0
  #copies = 0
  /** Since when there were copies only. */
  #sinceMs: number | undefined
  #lastMs = 0

  /** A new run of FFmpeg: it counts from 0. */
  begin(): void {
    this.#frames = 0
    this.#copies = 0
    this.#sinceMs = undefined
  }

  progressed(
    { frame, dup }: Pick<Progress, 'frame' | 'dup'>,
    nowMs: number,
  ): void {
    const frames = frame - this.#frames
    const copies = dup - this.#copies
    this.#frames = frame
    this.#copies = dup
    if (frames <= 0) return
    if (copies < frames) {
      this.#sinceMs = undefined
      return
    }
    this.#sinceMs ??= nowMs
    this.#lastMs = nowMs
  }

  get stands(): boolean {
    if (this.#sinceMs === undefined) return false
    return this.#lastMs - this.#sinceMs >= STANDS_AFTER_MS
  }
}
