import type { Progress } from '../ffmpeg/progress.ts'
import { CopyWatch } from './watch/duplicate-watch.ts'
import type { Fault } from './fault.ts'
import { SpeedWatch } from './watch/speed-watch.ts'

export interface RunWatchOptions {
  /** Whether FFmpeg encodes the video that it sends. */
  readonly encodesVideo: boolean
}

/** What FFmpeg's progress tells of a run that goes wrong while RTP flows. */
export class RunWatch {
  readonly #options: RunWatchOptions
  readonly #speed = new SpeedWatch()
  readonly #copies = new CopyWatch()

  constructor(options: RunWatchOptions) {
    this.#options = options
  }

  /** FFmpeg was started, or has ended. */
  begin(): void {
    this.#speed.begin()
    this.#copies.begin()
  }

  progressed(progress: Progress, nowMs: number): void {
    this.#speed.progressed(progress, nowMs)
    this.#copies.progressed(progress, nowMs)
  }

  faults(): readonly Fault[] {
    return [...this.#standing(), ...this.#wrongSpeed()]
  }

  #standing(): readonly Fault[] {
    if (!this.#copies.stands) return []
    return [
      {
        reason: 'standing-picture',
        words:
          'the picture stands: FFmpeg sends copies of one frame only; ' +
          'see its options and the timestamps of the input',
      },
    ]
  }

  #wrongSpeed(): readonly Fault[] {
    const fault = this.#speed.fault()
    if (fault === undefined) return []
    const { kind } = fault
    const speed = fault.speed.toFixed(2)
    if (kind === 'fast') {
      const words =
        `faster than real time (${speed}x): the input is not paced; ` +
        'give it the option -re'
      return [{ reason: kind, words }]
    }
    const hint = this.#options.encodesVideo
      ? 'the encoder cannot keep up; lower video.fps or ' +
        'video.bitrate_kbit, send a smaller picture or use copy'
      : 'the input comes too slowly'
    const words = `slower than real time (${speed}x): ${hint}`
    return [{ reason: kind, words }]
  }
}
