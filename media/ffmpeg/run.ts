/**
 * media/ffmpeg runs FFmpeg processes and keeps them running.
 * Owns: the child processes, their logs, progress and restarts.
 * Gets: a command, limits, and arguments that the stream adds for its outputs.
 * Gives: states, reports, progress and log lines, without secrets where people
 * read them. To read it: supervisor.ts, then this file, then child.ts.
 */
import { repeatAfterInput, type Clock } from '../../shared/runtime/clock.ts'
import { PROGRESS_FD, startChild, type Child, type ChildExit } from './child.ts'
import {
  LimitWatch,
  NO_USAGE,
  UsageMeter,
  type Usage,
  type UsageLimits,
} from './limits.ts'
import {
  hasMoved,
  NO_PROGRESS,
  progressReader,
  type Progress,
} from './progress.ts'

/** When a run is ended without a request, and how. */
export interface RunLimits {
  /** A run without progress for this long is stale; 0: never. */
  readonly staleTimeoutMs: number
  /** Whether it is never stale before its first progress. */
  readonly waitsForSender: boolean
  readonly usage: UsageLimits
  /** Interval at which progress and usage are checked. */
  readonly sampleMs: number
  /** Time from SIGINT to SIGKILL. */
  readonly killTimeoutMs: number
}

export interface RunOptions {
  /** Absolute path. */
  readonly binary: string
  readonly args: readonly string[]
  readonly limits: RunLimits
  readonly clock: Clock
  readonly onLine: (line: string) => void
  readonly onProgress: (progress: Progress) => void
  /** Called while the run is stale or exceeds a limit: end it. */
  readonly onFault: (reason: string) => void
}

/**
 * Options that make FFmpeg report progress to PROGRESS_FD instead of its log,
 * and not read from a terminal.
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

  /** Rejects if it cannot be spawned; then `exited` never settles. */
  readonly started: Promise<void>
  /** Resolves when FFmpeg has exited and its output has been read. */
  readonly exited: Promise<ChildExit>

  /** Spawns FFmpeg. */
  constructor(options: RunOptions) {
    this.#options = options
    this.#watch = new LimitWatch(options.limits.usage)
    this.#movedMs = options.clock.steadyMs()
    this.#child = startChild({
      ...options,
      onProgressLine: progressReader(progress => {
        this.#progressed(progress)
      }),
    })
    const { pid } = this.#child
    this.#meter = pid === undefined ? undefined : new UsageMeter(pid)
    const { sampleMs } = options.limits
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

  /** undefined: it could not be spawned. */
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
   * Makes FFmpeg finish its files and exit, and kills it if it does not.
   * Another call can only bring the kill forward.
   * @param killTimeoutMs time from SIGINT to SIGKILL
   */
  end(killTimeoutMs = this.#options.limits.killTimeoutMs): void {
    if (this.#gone) return
    const killAtMs = this.#options.clock.steadyMs() + killTimeoutMs
    if (this.#killer === undefined) this.#child.signal('SIGINT')
    else if (this.#killer.atMs <= killAtMs) return
    clearTimeout(this.#killer?.timer)
    const timer = setTimeout(() => {
      this.#options.onLine('Killed because it did not exit after SIGINT')
      this.#child.signal('SIGKILL')
    }, killTimeoutMs)
    this.#killer = { timer, atMs: killAtMs }
  }

  #progressed(progress: Progress): void {
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
    if (trouble !== undefined) this.#options.onFault(trouble)
  }

  #staleness(nowMs: number): string | undefined {
    const { staleTimeoutMs, waitsForSender } = this.#options.limits
    if (staleTimeoutMs === 0) return undefined
    if (waitsForSender && !hasMoved(NO_PROGRESS, this.#progress)) {
      return undefined
    }
    if (nowMs - this.#movedMs <= staleTimeoutMs) return undefined
    return `Stale timeout after ${staleTimeoutMs / 1000} s without progress`
  }
}
