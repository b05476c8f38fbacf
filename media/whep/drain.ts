import {
  unixSeconds,
  type Cancel,
  type Clock,
} from '../../shared/runtime/clock.ts'
import type { Log } from '../../shared/runtime/log.ts'
import { drainingProblem, shutdownProblem } from './problems.ts'
import type { Sessions } from './sessions.ts'

/** Maximum of `end_after`, and of CORE_SHUTDOWN_DRAIN_MS in seconds. */
export const MAX_DRAIN_S = 86_400

/** Each state owns its timer. */
type DrainState =
  | { readonly at: 'open' }
  | {
      readonly at: 'draining'
      readonly sinceMs: number
      /** undefined: viewers stay until they leave. */
      readonly end: DrainEnd | undefined
      /** Whether the process ends next, so that nothing can stop the drain. */
      readonly final: boolean
    }

/** When the viewers that are left are disconnected. */
interface DrainEnd {
  readonly afterS: number
  readonly atMs: number
  readonly cancel: Cancel
}

/** The response of GET and PUT /api/v3/webrtc/drain. */
export interface DrainStatus {
  readonly draining: boolean
  /** Unix seconds; null: not draining. */
  readonly since: number | null
  /** Number of viewers, also if it is not draining. */
  readonly viewers_left: number
  /** Seconds, as requested; null: viewers stay until they leave. */
  readonly end_after: number | null
  /** Unix seconds at which the viewers that are left are disconnected. */
  readonly ends_at: number | null
}

export interface DrainOptions {
  /** Those of viewers: probes go on, as what they play still works. */
  readonly sessions: Sessions
  readonly clock: Clock
  readonly log: Log
  /** Called when a drain has started or stopped. */
  readonly onChange: () => void
}

/**
 * Takes this server out of service without disconnecting anybody: new viewers
 * are refused, and those who watch stay.
 */
export class Drain {
  readonly #options: DrainOptions
  #state: DrainState = { at: 'open' }

  constructor(options: DrainOptions) {
    this.#options = options
  }

  get draining(): boolean {
    return this.#state.at === 'draining'
  }

  get status(): DrainStatus {
    const state = this.#state
    const end = state.at === 'draining' ? state.end : undefined
    return {
      draining: state.at === 'draining',
      since: state.at === 'draining' ? unixSeconds(state.sinceMs) : null,
      viewers_left: this.#options.sessions.size,
      end_after: end?.afterS ?? null,
      ends_at: end === undefined ? null : unixSeconds(end.atMs),
    }
  }

  /**
   * Starts to drain. During a drain it only sets `endAfterS`, whose time counts
   * from the first call with that value: a repeated call postpones nothing.
   * @param endAfterS seconds until the viewers that are left are disconnected,
   *   0 to MAX_DRAIN_S; undefined: they stay
   */
  start(endAfterS?: number): void {
    const { clock } = this.#options
    const state = this.#state
    if (state.at === 'open') {
      this.#enter({
        at: 'draining',
        sinceMs: clock.epochMs(),
        end: this.#endAfter(endAfterS),
        final: false,
      })
    } else if (state.end?.afterS !== endAfterS) {
      this.#enter({ ...state, end: this.#endAfter(endAfterS) })
    }
  }

  /**
   * Takes viewers again, and cancels `endAfterS`. Idempotent.
   * @throws {Problem} `shutting-down`
   */
  stop(): void {
    const state = this.#state
    if (state.at === 'open') return
    if (state.final) throw shutdownProblem()
    this.#enter({ at: 'open' })
  }

  /**
   * Drains for good, before the process ends. Resolves once no viewer is left,
   * after `timeoutMs`, or when `signal` aborts.
   */
  async finish(timeoutMs: number, signal: AbortSignal): Promise<void> {
    const { clock, sessions } = this.#options
    if (timeoutMs === 0 || signal.aborted) return
    if (this.#state.at === 'open') this.start()
    const state = this.#state
    if (state.at === 'draining') this.#enter({ ...state, final: true })
    const enough = Promise.withResolvers<undefined>()
    const stop = () => {
      enough.resolve(undefined)
    }
    const cancel = clock.after(timeoutMs, stop)
    signal.addEventListener('abort', stop, { once: true })
    await Promise.race([sessions.untilEmpty(), enough.promise])
    cancel()
    signal.removeEventListener('abort', stop)
  }

  /** Cancels the timer; no viewer is taken again. Idempotent. */
  close(): void {
    const state = this.#state
    if (state.at === 'draining') state.end?.cancel()
  }

  #endAfter(afterS: number | undefined): DrainEnd | undefined {
    if (afterS === undefined) return undefined
    const { clock } = this.#options
    const cancel = clock.after(afterS * 1_000, () => {
      this.#endViewers()
    })
    return { afterS, atMs: clock.epochMs() + afterS * 1_000, cancel }
  }

  #endViewers(): void {
    const { sessions, log } = this.#options
    log.info('drain ends the viewers that are left', {
      viewers: sessions.size,
    })
    sessions.endAll('shutdown')
  }

  /** The only function that changes the state. */
  #enter(next: DrainState): void {
    const { sessions, log, onChange } = this.#options
    const last = this.#state
    const kept = next.at === 'draining' ? next.end : undefined
    if (last.at === 'draining' && last.end !== kept) last.end?.cancel()
    this.#state = next
    if (last.at === next.at) return
    if (next.at === 'draining') sessions.refuse(drainingProblem)
    else sessions.accept()
    log.info(next.at === 'draining' ? 'drain started' : 'drain stopped', {
      viewers: sessions.size,
    })
    onChange()
  }
}
