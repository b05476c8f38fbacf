import { reasonOf } from '../../shared/runtime/errors.ts'
import type { Log } from '../../shared/runtime/log.ts'
import type { Clock } from '../../shared/runtime/clock.ts'
import { NO_USAGE } from '../ffmpeg/limits.ts'
import { maskSecrets } from '../ffmpeg/mask.ts'
import { NO_PROGRESS } from '../ffmpeg/progress.ts'
import { reconnectDelayMs, type ReconnectPolicy } from '../ffmpeg/reconnect.ts'
import { RunLog, type Report } from '../ffmpeg/run-log.ts'
import type { SupervisorStatus } from '../ffmpeg/status.ts'
import type { Runner } from './runner.ts'
import type { StreamPort } from './stream-port.ts'

export interface ExternalParts {
  readonly port: Pick<StreamPort, 'startExternal'>
  readonly reconnect: ReconnectPolicy
  readonly clock: Clock
  readonly log: Log
  /** 0 up to but not 1. */
  readonly random: () => number
}

type State =
  | { readonly at: 'finished' }
  /** The legs are being made; `again`: and then once more. */
  | { readonly at: 'starting'; readonly again: boolean }
  | { readonly at: 'running' }
  /** `retry` absent: reconnect is off. */
  | { readonly at: 'failed'; readonly retry?: Retry }

interface Retry {
  readonly timer: NodeJS.Timeout
  readonly atMs: number
}

/** A process with `webrtc.ingest: "external"`: legs, but no FFmpeg of ours. */
export class ExternalRunner implements Runner {
  readonly #parts: ExternalParts
  readonly #runLog: RunLog
  #state: State = { at: 'finished' }
  #sinceMs: number
  #failures = 0
  /** Settles when nothing is being started any more. */
  #starting: Promise<void> = Promise.resolve()

  constructor(parts: ExternalParts) {
    this.#parts = parts
    this.#runLog = new RunLog(parts.clock, maskSecrets)
    this.#sinceMs = parts.clock.steadyMs()
  }

  start(): void {
    const { at } = this.#state
    if (at === 'starting' || at === 'running') return
    this.#clearRetry()
    this.#runLog.begin()
    this.#enter({ at: 'starting', again: false })
    this.#starting = this.#makeLegs()
  }

  async stop(): Promise<void> {
    this.#clearRetry()
    this.#failures = 0
    if (this.#state.at === 'running') this.#runLog.end('finished')
    this.#enter({ at: 'finished' })
    await this.#starting
  }

  restart(reason: string): void {
    const { at } = this.#state
    if (at === 'finished') return
    this.#parts.log.info('restarting external legs', { reason })
    if (at === 'starting') {
      this.#enter({ at, again: true })
      return
    }
    this.#clearRetry()
    this.#enter({ at: 'failed' })
    this.start()
  }

  status(): SupervisorStatus {
    const nowMs = this.#parts.clock.steadyMs()
    const retry = this.#state.at === 'failed' ? this.#state.retry : undefined
    return {
      exec: this.#state.at,
      runtimeS: (nowMs - this.#sinceMs) / 1000,
      reconnectS: retry && Math.max(0, retry.atMs - nowMs) / 1000,
      lastLine: this.#runLog.lastLine,
      progress: NO_PROGRESS,
      usage: NO_USAGE,
      command: [],
    }
  }

  report(): Report {
    return this.#runLog.report()
  }

  /** Never rejects. */
  async #makeLegs(): Promise<void> {
    try {
      await this.#parts.port.startExternal()
      // A stop came meanwhile.
      if (this.#state.at !== 'starting') return
      this.#failures = 0
      const { again } = this.#state
      this.#enter({ at: 'running' })
      if (again) this.restart('asked for while starting')
    } catch (error) {
      if (this.#state.at === 'starting') this.#fail(error)
    }
  }

  #fail(error: unknown): void {
    const reason = reasonOf(error)
    this.#runLog.add(reason)
    this.#runLog.end('failed')
    this.#parts.log.error('cannot start external legs', { reason })
    const { reconnect, random } = this.#parts
    if (!reconnect.enabled) {
      this.#enter({ at: 'failed' })
      return
    }
    this.#failures++
    const delayMs = reconnectDelayMs(reconnect, this.#failures, 0, random())
    const timer = setTimeout(() => {
      this.start()
    }, delayMs)
    const atMs = this.#parts.clock.steadyMs() + delayMs
    this.#enter({ at: 'failed', retry: { timer, atMs } })
  }

  #clearRetry(): void {
    if (this.#state.at === 'failed') clearTimeout(this.#state.retry?.timer)
  }

  #enter(state: State): void {
    this.#state = state
    this.#sinceMs = this.#parts.clock.steadyMs()
  }
}
