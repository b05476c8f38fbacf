import type { Progress } from '../ffmpeg/progress.ts'
import type { Fault } from './fault.ts'
import { DuplicateWatch } from './watch/duplicate-watch.ts'
import { SpeedWatch } from './watch/speed-watch.ts'

export interface RunWatchOptions {
  /** Whether FFmpeg encodes the video rather than copying it. */
  readonly encodesVideo: boolean
}

/** Finds faults of a run of FFmpeg in its progress reports. */
export class RunWatch {
  readonly #options: RunWatchOptions
  readonly #speed = new SpeedWatch()
  readonly #duplicates = new DuplicateWatch()

  constructor(options: RunWatchOptions) {
    this.#options = options
  }

  /** Resets, because FFmpeg was started or has ended. */
  begin(): void {
    this.#speed.begin()
    this.#duplicates.begin()
  }

  progressed(progress: Progress, nowMs: number): void {
    this.#speed.progressed(progress, nowMs)
    this.#duplicates.progressed(progress, nowMs)
  }

  faults(): readonly Fault[] {
    return [...this.#frozenPicture(), ...this.#wrongSpeed()]
  }

  #frozenPicture(): readonly Fault[] {
    if (!this.#duplicates.isFrozen) return []
    return [
      {
        reason: 'standing-picture',
        message:
          'the picture stands still: FFmpeg repeats one frame; check its ' +
          'options and the timestamps of the input',
      },
    ]
  }

  #wrongSpeed(): readonly Fault[] {
    const fault = this.#speed.fault()
    if (fault === undefined) return []
    const { kind } = fault
    const speed = fault.speed.toFixed(2)
    if (kind === 'fast') {
      const message =
        `faster than real time (${speed}x): the input is not paced; ` +
        'add the input option -re'
      return [{ reason: kind, message }]
    }
    const hint = this.#options.encodesVideo
      ? 'the encoder cannot keep up; lower video.fps or ' +
        'video.bitrate_kbit, send a smaller picture or use copy'
      : 'the input arrives too slowly'
    const message = `slower than real time (${speed}x): ${hint}`
    return [{ reason: kind, message }]
  }
}
