import { PROGRESS_FD, startChild, type Child, type ChildExit } from './child.ts'
import { repeatAfterInput, type Clock } from '../../shared/runtime/clock.ts'
import { LimitWatch, NO_USAGE, type Limits, type Usage } from './limits.ts'
import {
  hasMoved,
  NO_PROGRESS,
  progressReader,
  type Progress,
} from './progress.ts'
import { UsageMeter } from './usage-meter.ts'

/** When a run is to be ended though nobody asked for it, and how. */
export interface RunBounds {
  /** Without progress for so long it is stale; 0: never. */
  readonly staleTimeoutMs: number
  /** Before its first progress it may wait for ever. */
  readonly waitsForSender: boolean
  readonly limits: Limits
  /** How often progress and usage are looked at. */
  readonly sampleMs: number
  /** From SIGINT to SIGKILL. */
  readonly killAfterMs: number
}

export interface RunOptions {
  /** Absolute path. */
  readonly binary: string
  readonly args: readonly string[]
  readonly bounds: RunBounds
  readonly clock: Clock
  readonly onLine: (line: string) => void
  /** FFmpeg reported its progress. */
  readonly onProgress: (progress: Progress) => void
  /** It is stale or over a limit, and should be ended. May come again. */
  readonly onTrouble: (reason: string) => void
}

/**
 * Options by which FFmpeg tells its progress, which the logs would otherwise
 * be full of, and by which it leaves our terminal alone.
 */
export const PROGRESS_OPTIONS: readonly string[] = [
  ...['-nostdin', '-nostats', '-stats_period', '1'],
  ...['-progress', `pipe:${PROGRESS_FD}`],
]

/** One run of FFmpeg, from its spawn to its exit. */
export class Run {
  readonly #options: RunOptions
  readonly #child: Child
  readonly #watch: LimitWatch
  readonly #meter: UsageMeter | undefined
  #progress = NO_PROGRESS
  #usage = NO_USAGE
  #movedMs: number
  #gone = false
  #killer: { readonly timer: NodeJS.Timeout; readonly atMs: number } | undefined

  /** Rejects where the system cannot start it; then `exited` never settles. */
  readonly started: Promise<void>
  /** Settles when FFmpeg is gone and all that it said was read. */
  readonly exited: Promise<ChildExit>

  /** Spawns FFmpeg. */
  constructor(options: RunOptions) {
    this.#options = options
    this.#watch = new LimitWatch(options.bounds.limits)
    this.#movedMs = options.clock.steadyMs()
    this.#child = startChild({
      ...options,
      onProgressLine: progressReader(progress => {
        this.#take(progress)
      }),
    })
    const { pid } = this.#child
    this.#meter = pid === undefined ? undefined : new UsageMeter(pid)
    const { sampleMs } = options.bounds
    const stopSampling =
      pid === undefined
        ? undefined
        : repeatAfterInput(sampleMs, () => {
            this.#sample()
          })
    this.started = this.#child.started
    this.exited = this.#child.exited.finally(() => {
      this.#gone = true
      stopSampling?.()
      clearTimeout(this.#killer?.timer)
    })
  }

  /** undefined: it could not be started. */
  get pid(): number | undefined {
    return this.#child.pid
  }

  get progress(): Progress {
    return this.#progress
  }

  get usage(): Usage {
    return this.#usage
  }

  /**
   * Asks FFmpeg to finish its files and exit, and kills it if it does not.
   * Asked again, it may only be killed earlier.
   * @param killAfterMs from SIGINT to SIGKILL
   */
  end(killAfterMs = this.#options.bounds.killAfterMs): void {
    if (this.#gone) return
    const killAtMs = this.#options.clock.steadyMs() + killAfterMs
    if (this.#killer === undefined) this.#child.signal('SIGINT')
    else if (this.#killer.atMs <= killAtMs) return
    clearTimeout(this.#killer?.timer)
    const timer = setTimeout(() => {
      this.#options.onLine('Killed because it did not end when asked to')
      this.#child.signal('SIGKILL')
    }, killAfterMs)
    this.#killer = { timer, atMs: killAtMs }
  }

  #take(progress: Progress): void {
    if (hasMoved(this.#progress, progress)) {
      this.#movedMs = this.#options.clock.steadyMs()
    }
    this.#progress = progress
    this.#options.onProgress(progress)
  }

  #sample(): void {
    const nowMs = this.#options.clock.steadyMs()
    const usage = this.#meter?.sample(nowMs)
    if (usage === undefined) return
    this.#usage = usage
    const trouble = this.#staleness(nowMs) ?? this.#watch.check(nowMs, usage)
    if (trouble !== undefined) this.#options.onTrouble(trouble)
  }

  #staleness(nowMs: number): string | undefined {
    const { staleTimeoutMs, waitsForSender } = this.#options.bounds
    if (staleTimeoutMs === 0) return undefined
    if (waitsForSender && !hasMoved(NO_PROGRESS, this.#progress)) {
      return undefined
    }
    if (nowMs - this.#movedMs <= staleTimeoutMs) return undefined
    return `Stale timeout after ${staleTimeoutMs / 1000} s without progress`
  }
}
