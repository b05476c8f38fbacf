import type { Log } from '../../shared/runtime/log.ts'
import { resolveBinary } from './binary.ts'
import { killedWithParent } from './death-signal.ts'
import { NO_USAGE } from './limits.ts'
import { maskOf, type Mask } from './mask.ts'
import { NO_PROGRESS } from './progress.ts'
import { HEALTHY_MS, reconnectDelayMs } from './reconnect.ts'
import { RepeatedLines } from './repeated-lines.ts'
import {
  NO_ARGUMENTS,
  type RunArguments,
  type RunEnd,
  type RunPort,
} from './run-port.ts'
import { RunLog, type ExitState, type ProcessReport } from './run-log.ts'
import { Run } from './run.ts'
import type { RunSettings, SupervisorOptions } from './run-settings.ts'
import { exitState, isExitState, type SupervisorStatus } from './status.ts'

type State = { readonly sinceMs: number } & (
  | {
      readonly at: ExitState
      /** The next start, if one is due; `now` brings it forward. */
      readonly retry?: { readonly atMs: number; readonly now: () => void }
    }
  /** `requested`: a stop or restart came, so FFmpeg must not be spawned. */
  | { readonly at: 'starting'; readonly requested: boolean }
  | { readonly at: 'running'; readonly run: Run }
  /** `requested`: a stop or restart, rather than a stall or a resource limit. */
  | { readonly at: 'finishing'; readonly run: Run; readonly requested: boolean }
)

/** From a start until it is stopped, or until no further run is due. */
interface Supervision {
  readonly stop: AbortController
  /** The next run follows without delay. */
  restartNow: boolean
  done: Promise<void>
}

/** Why and how a run is ended. */
interface RunEnding {
  readonly requested: boolean
  /** Added to the report. */
  readonly reason?: string
  readonly killTimeoutMs?: number | undefined
}

/** What the delay before the next run depends on. */
interface RunResult {
  readonly state: ExitState
  readonly ranMs: number
}

/**
 * Keeps one FFmpeg process running, as upstream does: finished, failed or
 * killed, then starting, running, finishing if it is ended, and again after the
 * reconnect delay, also after a clean exit.
 */
export class Supervisor {
  readonly #settings: RunSettings
  readonly #options: SupervisorOptions
  readonly #log: Log
  readonly #runLog: RunLog
  #state: State
  /** undefined: it is not started. */
  #supervision: Supervision | undefined
  /** Of the last run; before the first, of the arguments known by then. */
  #mask: Mask
  #command: readonly string[] = []

  constructor(settings: RunSettings, options: SupervisorOptions) {
    this.#settings = settings
    this.#options = options
    this.#log = options.log.with({ process: settings.id })
    this.#mask = maskOf(settings.command.args(NO_ARGUMENTS))
    this.#runLog = new RunLog(options.clock, line => this.#mask.text(line))
    this.#state = { at: 'finished', sinceMs: options.clock.steadyMs() }
  }

  /**
   * Starts, unless it is started; retries what fails. Must not be called while
   * a `stop` is in progress.
   */
  start(): void {
    const state = this.#state
    if (this.#supervision === undefined) {
      const supervision: Supervision = {
        stop: new AbortController(),
        restartNow: false,
        done: Promise.resolve(),
      }
      this.#supervision = supervision
      supervision.done = this.#supervise(supervision).catch(
        (error: unknown) => {
          this.#log.error('supervision of FFmpeg failed', { error })
        },
      )
    } else if (isExitState(state.at) && !('retry' in state)) {
      // The run has ended, but the loop has yet to decide what follows.
      this.#supervision.restartNow = true
    }
  }

  /**
   * Ends the run and waits for its end. Idempotent.
   * @param killTimeoutMs from SIGINT to SIGKILL, if not as in the settings
   */
  async stop(killTimeoutMs?: number): Promise<void> {
    if (this.#supervision === undefined) return
    this.#supervision.stop.abort()
    this.#endRun({ requested: true, killTimeoutMs })
    await this.#supervision.done
  }

  /**
   * Ends the run and starts the next one without delay; brings a start forward
   * that is due. Does nothing if it is not started.
   */
  restart(reason: string): void {
    const supervision = this.#supervision
    if (supervision === undefined || supervision.stop.signal.aborted) return
    this.#log.info('restarting FFmpeg', { reason })
    supervision.restartNow = true
    this.#endRun({ requested: true })
  }

  status(): SupervisorStatus {
    const state = this.#state
    const nowMs = this.#nowMs()
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

  report(): ProcessReport {
    return this.#runLog.report()
  }

  async #supervise(supervision: Supervision): Promise<void> {
    const { reconnect } = this.#settings
    const isStopped = () => supervision.stop.signal.aborted
    const isRestartNow = () => supervision.restartNow
    let failures = 0
    while (!isStopped()) {
      supervision.restartNow = false
      const { state, ranMs } = await this.#run()
      if (isRestartNow()) {
        failures = 0
        continue
      }
      if (!reconnect.enabled || isStopped()) break
      failures = ranMs >= HEALTHY_MS ? 0 : failures + 1
      const random = this.#options.random()
      const delayMs = reconnectDelayMs(reconnect, failures, ranMs, random)
      await this.#pause(state, delayMs)
    }
    // Clear it here, so that a start() right after takes effect.
    this.#supervision = undefined
    if (isStopped()) return
    this.#notify(port => {
      port.senderOver()
    })
  }

  async #run(): Promise<RunResult> {
    const { command } = this.#settings
    this.#runLog.begin()
    this.#enter({ at: 'starting', requested: false, sinceMs: this.#nowMs() })
    const added = await this.#prepare()
    if (added instanceof Error) return this.#failToStart(added)
    if (this.#isRequested()) return this.#leave('finished', 0)

    const run = await this.#spawn(command.args(added))
    if (run instanceof Error) {
      const requested = this.#isRequested()
      const result = this.#failToStart(run)
      this.#notifyEnded({ requested, code: null, signal: null })
      return result
    }
    const startedMs = this.#nowMs()
    this.#goLive(run)
    const exit = await run.exited
    const wasEnded = this.#state.at === 'finishing'
    const requested = this.#isRequested()
    this.#log[requested ? 'info' : 'warn']('FFmpeg ended', {
      ...exit,
      requested,
    })
    this.#notifyEnded({ ...exit, requested })
    return this.#leave(exitState(exit, wasEnded), this.#nowMs() - startedMs)
  }

  async #prepare(): Promise<RunArguments | Error> {
    const { inputs } = this.#settings.command
    try {
      const added = await this.#options.port?.prepareRun({
        inputs,
        restart: reason => {
          this.restart(reason)
        },
      })
      return added ?? NO_ARGUMENTS
    } catch (error) {
      return asError(error)
    }
  }

  async #spawn(args: readonly string[]): Promise<Run | Error> {
    const { searchPath, limits } = this.#settings
    this.#mask = maskOf(args)
    this.#command = this.#mask.args
    try {
      const binary = await resolveBinary(this.#settings.binary, searchPath)
      const command = await killedWithParent({ binary, args }, searchPath)
      const repeated = new RepeatedLines()
      const run = new Run({
        ...command,
        limits,
        clock: this.#options.clock,
        onLine: line => {
          if (!repeated.has(line)) this.#runLog.add(line)
          this.#notify(port => {
            port.runSaid(line)
          })
        },
        onProgress: progress => {
          this.#runLog.endPrelude()
          this.#notify(port => {
            port.runProgressed(progress)
          })
        },
        onFault: reason => {
          this.#endRun({ requested: false, reason })
        },
      })
      await run.started
      return run
    } catch (error) {
      return asError(error)
    }
  }

  #goLive(run: Run): void {
    const requested = this.#isRequested()
    this.#enter({ at: 'running', run, sinceMs: this.#nowMs() })
    this.#log.info('FFmpeg started', { pid: run.pid })
    this.#notify(port => {
      port.runStarted()
    })
    if (requested) this.#endRun({ requested })
  }

  #notifyEnded(end: Omit<RunEnd, 'log'>): void {
    this.#notify(port => {
      port.runEnded({ ...end, log: this.#runLog.lines })
    })
  }

  /** Calls the stream; if that fails, FFmpeg stays supervised. */
  #notify(call: (port: RunPort) => void): void {
    const { port } = this.#options
    if (port === undefined) return
    try {
      call(port)
    } catch (error) {
      this.#log.error('a stream failed to handle an event of its FFmpeg', {
        error,
      })
    }
  }

  #failToStart(error: Error): RunResult {
    const reason = this.#mask.text(error.message)
    this.#runLog.add(reason)
    this.#log.error('cannot start FFmpeg', { reason })
    return this.#leave('failed', 0)
  }

  #leave(state: ExitState, ranMs: number): RunResult {
    this.#runLog.end(state)
    this.#enter({ at: state, sinceMs: this.#nowMs() })
    return { state, ranMs }
  }

  /** Waits for the next start; a stop or restart ends the wait early. */
  async #pause(at: ExitState, delayMs: number): Promise<void> {
    const { sinceMs } = this.#state
    await new Promise<void>(resolve => {
      const timer = setTimeout(resolve, delayMs)
      const now = () => {
        clearTimeout(timer)
        resolve()
      }
      const atMs = this.#nowMs() + delayMs
      this.#enter({ at, sinceMs, retry: { atMs, now } })
    })
    this.#enter({ at, sinceMs })
  }

  #endRun({ requested, reason, killTimeoutMs }: RunEnding): void {
    const state = this.#state
    switch (state.at) {
      case 'starting':
        this.#enter({ ...state, requested: state.requested || requested })
        return
      case 'running':
      case 'finishing':
        if (state.at === 'finishing') {
          this.#enter({ ...state, requested: state.requested || requested })
        } else {
          if (reason !== undefined) {
            this.#runLog.add(reason)
            this.#log.warn('ending FFmpeg', { reason })
          }
          this.#enter({
            at: 'finishing',
            run: state.run,
            requested,
            sinceMs: this.#nowMs(),
          })
        }
        if (requested) {
          this.#notify(port => {
            port.runEnding()
          })
        }
        state.run.end(killTimeoutMs)
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

  #isRequested(): boolean {
    return 'requested' in this.#state && this.#state.requested
  }

  #enter(state: State): void {
    this.#state = state
  }

  #nowMs(): number {
    return this.#options.clock.steadyMs()
  }
}

function asError(error: unknown): Error {
  return error instanceof Error ? error : new Error(String(error))
}
