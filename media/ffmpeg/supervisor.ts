import type { Log } from '../../shared/log.ts'
import type { StreamPort } from '../process/stream-port.ts'
import { resolveBinary } from './binary.ts'
import type { ChildExit } from './child.ts'
import type { Clock } from './clock.ts'
import { NO_USAGE, type Usage } from './limits.ts'
import { maskArguments, maskSecrets } from './mask.ts'
import { NO_PROGRESS, type Progress } from './progress.ts'
import {
  HEALTHY_MS,
  reconnectDelayMs,
  type ReconnectPolicy,
} from './reconnect.ts'
import type { RunFiles } from './run-files.ts'
import { RunLog, type ExitState, type Report } from './run-log.ts'
import { Run, type RunBounds } from './run.ts'

/** Where a process stands, in upstream's words. */
export type ExecState = ExitState | 'starting' | 'running' | 'finishing'

/** What a run needs of the stream that its RTP outputs go to. */
export type RunPort = Pick<StreamPort, 'prepareRun' | 'runStarted' | 'runEnded'>

/** What is supervised, and how. */
export interface RunSettings {
  /** Id of the process, for records. */
  readonly id: string
  /** Program, by name or path; looked up at each start. */
  readonly binary: string
  /** PATH to look it up in. */
  readonly searchPath: string
  /** Arguments, without those that `port` adds. */
  readonly args: readonly string[]
  readonly reconnect: ReconnectPolicy
  readonly bounds: RunBounds
}

export interface SupervisorParts {
  readonly clock: Clock
  readonly log: Log
  readonly runFiles: RunFiles
  /** 0 up to but not 1. */
  readonly random: () => number
  /** undefined: the process feeds no stream. */
  readonly port: RunPort | undefined
}

/** What is to be told of a process. */
export interface SupervisorStatus {
  readonly exec: ExecState
  /** Seconds since `exec` changed. */
  readonly runtimeS: number
  /** Seconds until the next start; undefined: none is due. */
  readonly reconnectS: number | undefined
  readonly lastLine: string
  readonly progress: Progress
  readonly usage: Usage
  /** Arguments of the last run, secrets masked. */
  readonly command: readonly string[]
}

type State = { readonly sinceMs: number } & (
  | {
      readonly at: ExitState
      /** Where a start is due: when, and what brings it forward. */
      readonly retry?: { readonly atMs: number; readonly now: () => void }
    }
  /** `asked`: a stop or restart came, so nothing is to be spawned. */
  | { readonly at: 'starting'; readonly asked: boolean }
  | { readonly at: 'running'; readonly run: Run }
  /** `asked`: by a stop or restart, not because it is stale or greedy. */
  | { readonly at: 'finishing'; readonly run: Run; readonly asked: boolean }
)

/** From a start to the stop that ends it, or to where nothing is due. */
interface Life {
  readonly stop: AbortController
  readonly done: Promise<void>
}

/** Why a run is to end, and how. */
interface RunEnding {
  readonly asked: boolean
  /** Told in the report. */
  readonly reason?: string
  readonly killAfterMs?: number | undefined
}

/** How a run ended, as far as what comes next depends on it. */
interface RunResult {
  readonly state: ExitState
  readonly asked: boolean
  readonly ranMs: number
}

/**
 * Keeps one FFmpeg process running, as upstream does: from finished, failed
 * or killed to starting, running, perhaps finishing, and back; again after
 * the reconnect delay, also after a clean exit.
 */
export class Supervisor {
  readonly #settings: RunSettings
  readonly #parts: SupervisorParts
  readonly #log: Log
  readonly #runLog: RunLog
  #state: State
  #life: Life | undefined
  #command: readonly string[] = []

  constructor(settings: RunSettings, parts: SupervisorParts) {
    this.#settings = settings
    this.#parts = parts
    this.#log = parts.log.with({ process: settings.id })
    this.#runLog = new RunLog(parts.clock)
    this.#state = { at: 'finished', sinceMs: parts.clock.elapsed() }
  }

  /** Starts, unless it is started. What goes wrong is tried again. */
  start(): void {
    if (this.#life !== undefined) return
    const stop = new AbortController()
    const done = this.#live(stop.signal)
      .catch((error: unknown) => {
        this.#log.error('supervision of FFmpeg failed', { error })
      })
      .finally(() => {
        this.#life = undefined
      })
    this.#life = { stop, done }
  }

  /**
   * Ends the run, as asked for, and waits until it is gone. Idempotent.
   * @param killAfterMs from SIGINT to SIGKILL, where not as usual
   */
  async stop(killAfterMs?: number): Promise<void> {
    if (this.#life === undefined) return
    this.#life.stop.abort()
    this.#endRun({ asked: true, killAfterMs })
    await this.#life.done
  }

  /**
   * Ends the run, as asked for, and starts the next one without delay; a
   * start that is due is brought forward. Nothing where it is not started.
   */
  restart(reason: string): void {
    if (this.#life === undefined || this.#life.stop.signal.aborted) return
    this.#log.info('restarting FFmpeg', { reason })
    this.#endRun({ asked: true })
  }

  status(): SupervisorStatus {
    const state = this.#state
    const nowMs = this.#parts.clock.elapsed()
    const retry = 'retry' in state ? state.retry : undefined
    const run = 'run' in state ? state.run : undefined
    return {
      exec: state.at,
      runtimeS: (nowMs - state.sinceMs) / 1000,
      reconnectS: retry && Math.max(0, retry.atMs - nowMs) / 1000,
      lastLine: this.#runLog.lastLine,
      progress: run?.progress ?? NO_PROGRESS,
      usage: run?.usage ?? NO_USAGE,
      command: this.#command,
    }
  }

  report(): Report {
    return this.#runLog.report()
  }

  async #live(stop: AbortSignal): Promise<void> {
    const isStopped = () => stop.aborted
    let failures = 0
    while (!isStopped()) {
      const result = await this.#run()
      // Asked for, but not by a stop: a restart.
      const { asked, ranMs } = result
      failures = asked || ranMs >= HEALTHY_MS ? 0 : failures + 1
      if (asked) continue
      const { reconnect } = this.#settings
      // Looked at here again, as a stop cannot end a pause before it begins.
      if (!reconnect.enabled || isStopped()) return
      const random = this.#parts.random()
      await this.#pause(
        result.state,
        reconnectDelayMs(reconnect, failures, ranMs, random),
      )
    }
  }

  async #run(): Promise<RunResult> {
    const { port, runFiles } = this.#parts
    this.#runLog.begin()
    this.#enter({ at: 'starting', asked: false, sinceMs: this.#elapsed() })
    const outputs = await this.#prepare()
    if (outputs instanceof Error) return this.#failToStart(outputs)
    if (this.#isAsked()) return this.#leave('finished', 0)

    const file = await runFiles.begin(this.#settings.id)
    try {
      const args = [...this.#settings.args, ...outputs]
      const run = await this.#spawn(args, file.env)
      const startedMs = this.#elapsed()
      this.#goLive(run)
      if (run.pid !== undefined) await file.started(run.pid)
      const exit = await run.exited
      const asked = this.#isAsked()
      this.#log[asked ? 'info' : 'warn']('FFmpeg ended', { ...exit, asked })
      port?.runEnded({ asked, ...exit, log: this.#runLog.lines })
      return this.#leave(exitState(exit), this.#elapsed() - startedMs)
    } catch (error) {
      const result = this.#failToStart(error)
      const log = this.#runLog.lines
      port?.runEnded({ asked: false, code: null, signal: null, log })
      return result
    } finally {
      await file.ended()
    }
  }

  async #prepare(): Promise<readonly string[] | Error> {
    try {
      return (await this.#parts.port?.prepareRun()) ?? []
    } catch (error) {
      return error instanceof Error ? error : new Error(String(error))
    }
  }

  async #spawn(
    args: readonly string[],
    env: Readonly<Record<string, string>>,
  ): Promise<Run> {
    const { binary, searchPath, bounds } = this.#settings
    this.#command = maskArguments(args)
    const run = new Run({
      binary: await resolveBinary(binary, searchPath),
      args,
      env,
      bounds,
      clock: this.#parts.clock,
      onLine: line => {
        this.#runLog.add(maskSecrets(line))
      },
      onProgress: () => {
        this.#runLog.endPrelude()
      },
      onTrouble: reason => {
        this.#endRun({ asked: false, reason })
      },
    })
    await run.started
    return run
  }

  #goLive(run: Run): void {
    const asked = this.#isAsked()
    this.#enter({ at: 'running', run, sinceMs: this.#elapsed() })
    this.#parts.port?.runStarted()
    this.#log.info('FFmpeg started', { pid: run.pid })
    if (asked) this.#endRun({ asked })
  }

  #failToStart(error: unknown): RunResult {
    const reason = error instanceof Error ? error.message : String(error)
    this.#runLog.add(maskSecrets(reason))
    this.#log.error('cannot start FFmpeg', { reason: maskSecrets(reason) })
    return this.#leave('failed', 0)
  }

  #leave(state: ExitState, ranMs: number): RunResult {
    const asked = this.#isAsked()
    this.#runLog.end(state)
    this.#enter({ at: state, sinceMs: this.#elapsed() })
    return { state, asked, ranMs }
  }

  /** Waits for the next start, or until a stop or restart cuts it short. */
  async #pause(at: ExitState, delayMs: number): Promise<void> {
    const { sinceMs } = this.#state
    await new Promise<void>(resolve => {
      const timer = setTimeout(resolve, delayMs)
      const now = () => {
        clearTimeout(timer)
        resolve()
      }
      const atMs = this.#elapsed() + delayMs
      this.#enter({ at, sinceMs, retry: { atMs, now } })
    })
    this.#enter({ at, sinceMs })
  }

  #endRun({ asked, reason, killAfterMs }: RunEnding): void {
    const state = this.#state
    switch (state.at) {
      case 'starting':
        this.#enter({ ...state, asked: state.asked || asked })
        return
      case 'finishing':
        this.#enter({ ...state, asked: state.asked || asked })
        state.run.end(killAfterMs)
        return
      case 'running':
        if (reason !== undefined) {
          this.#runLog.add(reason)
          this.#log.warn('ending FFmpeg', { reason })
        }
        this.#enter({
          at: 'finishing',
          run: state.run,
          asked,
          sinceMs: this.#elapsed(),
        })
        state.run.end(killAfterMs)
        return
      case 'finished':
      case 'failed':
      case 'killed':
        state.retry?.now()
        return
      default:
        state satisfies never
    }
  }

  #isAsked(): boolean {
    return 'asked' in this.#state && this.#state.asked
  }

  #enter(state: State): void {
    this.#state = state
  }

  #elapsed(): number {
    return this.#parts.clock.elapsed()
  }
}

/**
 * FFmpeg exits with 255 when a signal asked it to, and dies of SIGINT where
 * that comes before it listens for signals: no failures.
 */
function exitState({ code, signal }: ChildExit): ExitState {
  if (signal === 'SIGINT' || code === 0 || code === 255) return 'finished'
  return signal === null ? 'failed' : 'killed'
}
