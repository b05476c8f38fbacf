import type { Log } from '../../shared/runtime/log.ts'
import type { Clock } from '../../shared/runtime/clock.ts'
import { NO_USAGE } from '../ffmpeg/limits.ts'
import { maskSecrets } from '../ffmpeg/mask.ts'
import { NO_PROGRESS } from '../ffmpeg/progress.ts'
import { reconnectDelayMs, type ReconnectPolicy } from '../ffmpeg/reconnect.ts'
import { RunLog, type ProcessReport } from '../ffmpeg/run-log.ts'
import type { SupervisorStatus } from '../ffmpeg/status.ts'
import type { Runner } from './runner.ts'
import type { ExternalState, StreamPort } from './stream-port.ts'

export interface ExternalRunnerOptions {
  readonly port: Pick<StreamPort, 'startExternal'>
  readonly reconnect: ReconnectPolicy
  readonly clock: Clock
  readonly log: Log
  /** 0 up to but not 1. */
  readonly random: () => number
}

type State = { readonly sinceMs: number } & (
  | { readonly at: 'finished' }
  | (ExternalState & { readonly started: AbortController })
)

/**
 * A process with `webrtc.ingest: "external"`, as the API shows it: there is no
 * FFmpeg of ours, and the stream starts itself.
 */
export class ExternalRunner implements Runner {
  readonly #options: ExternalRunnerOptions
  readonly #runLog: RunLog
  #state: State

  constructor(options: ExternalRunnerOptions) {
    this.#options = options
    this.#runLog = new RunLog(options.clock, maskSecrets)
    this.#state = { at: 'finished', sinceMs: options.clock.steadyMs() }
  }

  start(): void {
    const { at } = this.#state
    if (at === 'starting' || at === 'running') return
    this.#start()
  }

  /** Ends the retries. The legs close with the stream. */
  stop(): Promise<void> {
    const state = this.#state
    if (state.at === 'finished') return Promise.resolve()
    state.started.abort()
    if (state.at === 'running') this.#runLog.end('finished')
    this.#state = { at: 'finished', sinceMs: this.#nowMs() }
    return Promise.resolve()
  }

  restart(reason: string): void {
    if (this.#state.at === 'finished') return
    this.#options.log.info('restarting external legs', { reason })
    this.#start()
  }

  status(): SupervisorStatus {
    const { at, sinceMs } = this.#state
    const ageMs = this.#nowMs() - sinceMs
    const retryMs =
      this.#state.at === 'failed' ? this.#state.retryMs : undefined
    return {
      exec: at,
      runtimeS: ageMs / 1000,
      reconnectS:
        retryMs === undefined ? undefined : Math.max(0, retryMs - ageMs) / 1000,
      lastLine: this.#runLog.lastLine,
      progress: NO_PROGRESS,
      usage: NO_USAGE,
      command: [],
    }
  }

  report(): ProcessReport {
    return this.#runLog.report()
  }

  #start(): void {
    if (this.#state.at !== 'finished') this.#state.started.abort()
    const { port, reconnect, random } = this.#options
    const started = new AbortController()
    port.startExternal({
      signal: started.signal,
      retryDelayMs: failures =>
        reconnect.enabled
          ? reconnectDelayMs(reconnect, failures, 0, random())
          : undefined,
      onState: state => {
        this.#state = { ...state, started, sinceMs: this.#nowMs() }
        this.#record(state)
      },
    })
  }

  #record(state: ExternalState): void {
    if (state.at === 'starting') this.#runLog.begin()
    if (state.at !== 'failed') return
    const reason = state.error.message
    this.#runLog.add(reason)
    this.#runLog.end('failed')
    this.#options.log.error('cannot start external legs', { reason })
  }

  #nowMs(): number {
    return this.#options.clock.steadyMs()
  }
}
