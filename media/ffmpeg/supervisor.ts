import type { Log } from '../../shared/runtime/log.ts'
import type { RunEnd } from '../process/stream-port.ts'
import { resolveBinary } from './binary.ts'
import { killedWithParent } from './death-signal.ts'
import { NO_USAGE } from './limits.ts'
import { maskOf, type Mask } from './mask.ts'
import { NO_PROGRESS } from './progress.ts'
import { HEALTHY_MS, reconnectDelayMs } from './reconnect.ts'
import { RepeatedLines } from './repeated-lines.ts'
import { NO_ARGUMENTS, type RunArguments } from './run-arguments.ts'
import { RunLog, type ExitState, type Report } from './run-log.ts'
import { Run } from './run.ts'
import type { RunPort, RunSettings, SupervisorParts } from './run-settings.ts'
import { exitState, isExitState, type SupervisorStatus } from './status.ts'

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
  /** A start was asked for that must not be missed: there is no delay. */
  hurried: boolean
  done: Promise<void>
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
  /** Of the last run, or of what is known before the first. */
  #mask: Mask
  #command: readonly string[] = []

  constructor(settings: RunSettings, parts: SupervisorParts) {
    this.#settings = settings
    this.#parts = parts
    this.#log = parts.log.with({ process: settings.id })
    this.#mask = maskOf(settings.command.args(NO_ARGUMENTS))
    this.#runLog = new RunLog(parts.clock, line => this.#mask.text(line))
    this.#state = { at: 'finished', sinceMs: parts.clock.steadyMs() }
  }

  /**
   * Starts, unless it is started. What goes wrong is tried again. Not to be
   * called before a `stop` is done.
   */
  start(): void {
    const state = this.#state
    if (this.#life === undefined) {
      const done = Promise.resolve()
      const life = { stop: new AbortController(), hurried: false, done }
      this.#life = life
      life.done = this.#live(life).catch((error: unknown) => {
        this.#log.error('supervision of FFmpeg failed', { error })
      })
    } else if (isExitState(state.at) && !('retry' in state)) {
      // The run is over, but what comes next is not yet decided.
      this.#life.hurried = true
    }
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
    this.#life.hurried = true
    this.#endRun({ asked: true })
  }

  status(): SupervisorStatus {
    const state = this.#state
    const nowMs = this.#parts.clock.steadyMs()
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

  async #live(life: Life): Promise<void> {
    const { reconnect } = this.#settings
    const isStopped = () => life.stop.signal.aborted
    const isHurried = () => life.hurried
    let failures = 0
    while (!isStopped()) {
      life.hurried = false
      const { state, ranMs } = await this.#run()
      if (isHurried()) {
        failures = 0
        continue
      }
      if (!reconnect.enabled || isStopped()) break
      failures = ranMs >= HEALTHY_MS ? 0 : failures + 1
      const random = this.#parts.random()
      const delayMs = reconnectDelayMs(reconnect, failures, ranMs, random)
      await this.#pause(state, delayMs)
    }
    // Now, not when somebody has noticed: a start must start again.
    this.#life = undefined
    if (isStopped()) return
    this.#tell(port => {
      port.senderOver()
    })
  }

  async #run(): Promise<RunResult> {
    const { command } = this.#settings
    this.#runLog.begin()
    this.#enter({ at: 'starting', asked: false, sinceMs: this.#elapsed() })
    const added = await this.#prepare()
    if (added instanceof Error) return this.#failToStart(added)
    if (this.#isAsked()) return this.#leave('finished', 0)

    const run = await this.#spawn(command.args(added))
    if (run instanceof Error) {
      const asked = this.#isAsked()
      const result = this.#failToStart(run)
      this.#tellEnd({ asked, code: null, signal: null })
      return result
    }
    const startedMs = this.#elapsed()
    this.#goLive(run)
    const exit = await run.exited
    const toldToEnd = this.#state.at === 'finishing'
    const asked = this.#isAsked()
    this.#log[asked ? 'info' : 'warn']('FFmpeg ended', { ...exit, asked })
    this.#tellEnd({ ...exit, asked })
    return this.#leave(exitState(exit, toldToEnd), this.#elapsed() - startedMs)
  }

  async #prepare(): Promise<RunArguments | Error> {
    const { inputs } = this.#settings.command
    try {
      return (await this.#parts.port?.prepareRun(inputs)) ?? NO_ARGUMENTS
    } catch (error) {
      return asError(error)
    }
  }

  async #spawn(args: readonly string[]): Promise<Run | Error> {
    const { searchPath, bounds } = this.#settings
    this.#mask = maskOf(args)
    this.#command = this.#mask.args
    try {
      const binary = await resolveBinary(this.#settings.binary, searchPath)
      const command = await killedWithParent({ binary, args }, searchPath)
      const repeated = new RepeatedLines()
      const run = new Run({
        ...command,
        bounds,
        clock: this.#parts.clock,
        onLine: line => {
          if (!repeated.has(line)) this.#runLog.add(line)
          this.#tell(port => {
            port.runSaid(line)
          })
        },
        onProgress: progress => {
          this.#runLog.endPrelude()
          this.#tell(port => {
            port.runProgressed(progress)
          })
        },
        onTrouble: reason => {
          this.#endRun({ asked: false, reason })
        },
      })
      await run.started
      return run
    } catch (error) {
      return asError(error)
    }
  }

  #goLive(run: Run): void {
    const asked = this.#isAsked()
    this.#enter({ at: 'running', run, sinceMs: this.#elapsed() })
    this.#log.info('FFmpeg started', { pid: run.pid })
    this.#tell(port => {
      port.runStarted()
    })
    if (asked) this.#endRun({ asked })
  }

  #tellEnding(): void {
    this.#tell(port => {
      port.runEnding()
    })
  }

  #tellEnd(end: Omit<RunEnd, 'log'>): void {
    this.#tell(port => {
      port.runEnded({ ...end, log: this.#runLog.lines })
    })
  }

  /** Whatever the stream makes of it, FFmpeg stays supervised. */
  #tell(tell: (port: RunPort) => void): void {
    const { port } = this.#parts
    if (port === undefined) return
    try {
      tell(port)
    } catch (error) {
      this.#log.error('a stream failed to take note of its FFmpeg', { error })
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
    this.#enter({ at: state, sinceMs: this.#elapsed() })
    return { state, ranMs }
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
        if (asked) this.#tellEnding()
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
        if (asked) this.#tellEnding()
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
    return this.#parts.clock.steadyMs()
  }
}

function asError(error: unknown): Error {
  return error instanceof Error ? error : new Error(String(error))
}
