import type { SenderOnDemand } from '../process/stream-port.ts'
import {
  StreamError,
  type Hold,
  type MediaKind,
  type ViewerDemand,
} from '../whep/stream-port.ts'

/** The stream that a `Demand` starts and stops. */
export interface DemandedStream {
  /** Whether it is started, even if it has no RTP yet. */
  readonly started: boolean
  /** Whether RTP has arrived since its start. */
  readonly live: boolean
  /** Whether its sender has ended for good. */
  readonly over: boolean
  /** Whether `kinds` carry RTP, as far as any can be expected. */
  isReady(kinds: readonly MediaKind[]): boolean
  /** Closes its legs, after the sender has ended. Never rejects. */
  stop(): Promise<void>
}

export interface DemandOptions {
  readonly stream: DemandedStream
  /** How long the sender runs without viewers, milliseconds. */
  readonly idleMs: number
  /** How long a viewer waits for RTP, milliseconds. */
  readonly timeoutMs: number
  /** Why no RTP arrives, for viewers: no addresses, no secrets. */
  readonly fault: () => string | undefined
  /** Called after each transition. */
  readonly onChange: () => void
}

/** Each state owns its timer. */
type DemandState =
  /** Its process is stopped or being replaced: nothing can be started. */
  | { readonly at: 'off' }
  | { readonly at: 'asleep'; readonly sender: SenderOnDemand }
  /** Viewers watch or wait. */
  | { readonly at: 'awake'; readonly sender: SenderOnDemand }
  /** Nobody watches, and the sender runs until the timer fires. */
  | {
      readonly at: 'idle'
      readonly sender: SenderOnDemand
      readonly timer: NodeJS.Timeout
    }
  /** The sender is being stopped; a viewer that comes now waits for its next start. */
  | { readonly at: 'stopping'; readonly sender: SenderOnDemand }

/** Maximum number of viewers that wait for one stream if there is no cap. */
const MAX_WAITING = 1_000

/**
 * Starts the sender of a stream for its first viewer, and stops it when the
 * last one has left. It counts holds, one per viewer that watches or waits;
 * they outlive an update of the process.
 */
export class Demand implements ViewerDemand {
  readonly #options: DemandOptions
  #state: DemandState = { at: 'off' }
  #holds = 0
  /** Each makes one waiting viewer look again. */
  readonly #waiting = new Set<() => void>()

  constructor(options: DemandOptions) {
    this.#options = options
  }

  /** Whether the sender is stopped, or being stopped, because it has no viewers. */
  get asleep(): boolean {
    const { at } = this.#state
    return at === 'asleep' || (at === 'stopping' && this.#holds === 0)
  }

  /** Takes over when `sender` runs. */
  begin(sender: SenderOnDemand): void {
    if (this.#state.at !== 'off') {
      if (this.#state.at === 'awake') sender.start()
      return
    }
    if (this.#holds > 0) {
      this.#wake(sender)
      return
    }
    this.#enter({ at: 'asleep', sender })
    // An update may have come while the stream was idle.
    void this.#options.stream.stop()
  }

  /** No longer starts or stops the sender. Idempotent. */
  end(): void {
    if (this.#state.at !== 'off') this.#enter({ at: 'off' })
  }

  async hold(kinds: readonly MediaKind[], signal: AbortSignal): Promise<Hold> {
    if (this.#waiting.size >= MAX_WAITING) {
      throw new StreamError(
        'not-started',
        `${MAX_WAITING} viewers wait for the stream to start already`,
      )
    }
    const hold = this.#take()
    try {
      await this.#untilReady(kinds, signal)
      return hold
    } catch (error) {
      hold.release()
      throw error
    }
  }

  /** Call it when the stream has changed: waiting viewers look again. */
  changed(): void {
    for (const look of [...this.#waiting]) look()
  }

  /** @throws {StreamError} `not-started` */
  #take(): Hold {
    const state = this.#state
    if (state.at === 'off') throw stopped()
    this.#holds++
    // Otherwise it is started again as soon as it has stopped.
    if (state.at !== 'stopping') this.#wake(state.sender)
    let held = true
    return {
      release: () => {
        if (held) this.#release()
        held = false
      },
    }
  }

  #release(): void {
    this.#holds--
    if (this.#holds > 0 || this.#state.at !== 'awake') return
    const { sender } = this.#state
    const timer = setTimeout(() => {
      void this.#fallAsleep(sender)
    }, this.#options.idleMs)
    this.#enter({ at: 'idle', sender, timer })
  }

  /** Also starts a sender that has ended for good. */
  #wake(sender: SenderOnDemand): void {
    if (this.#state.at !== 'awake') this.#enter({ at: 'awake', sender })
    sender.start()
  }

  /** Never rejects. */
  async #fallAsleep(sender: SenderOnDemand): Promise<void> {
    const stopping: DemandState = { at: 'stopping', sender }
    this.#enter(stopping)
    await sender.stop()
    // After `end` the process closes the stream, or starts it again.
    if (this.#state !== stopping) return
    await this.#options.stream.stop()
    if (this.#state !== stopping) return
    if (this.#holds > 0) this.#wake(sender)
    else this.#enter({ at: 'asleep', sender })
  }

  /** @throws {StreamError} `not-started`, or `deadline` on abort */
  async #untilReady(
    kinds: readonly MediaKind[],
    signal: AbortSignal,
  ): Promise<void> {
    const { stream, timeoutMs } = this.#options
    const timeout = new AbortController()
    const timer = setTimeout(() => {
      timeout.abort()
    }, timeoutMs)
    const ended = AbortSignal.any([signal, timeout.signal])
    try {
      for (;;) {
        const isAwake = this.#state.at === 'awake'
        if (isAwake && stream.isReady(kinds)) return
        if (signal.aborted) {
          throw new StreamError('deadline', 'The viewer no longer waits')
        }
        if (this.#state.at === 'off' && !stream.started) throw stopped()
        // One leg is better than none, as in a stream that always runs.
        if (timeout.signal.aborted && isAwake && stream.live) return
        if (timeout.signal.aborted || (isAwake && stream.over)) {
          throw this.#notStarted()
        }
        await this.#change(ended)
      }
    } finally {
      clearTimeout(timer)
    }
  }

  /** Waits for the next change of the stream, or the abort. */
  #change(signal: AbortSignal): Promise<void> {
    return new Promise(resolve => {
      const look = () => {
        this.#waiting.delete(look)
        signal.removeEventListener('abort', look)
        resolve()
      }
      this.#waiting.add(look)
      signal.addEventListener('abort', look)
    })
  }

  #notStarted(): StreamError {
    const { fault, stream, timeoutMs } = this.#options
    const words = fault() ?? 'FFmpeg has sent none yet'
    return new StreamError(
      'not-started',
      stream.over
        ? `The stream could not be started: ${words}`
        : `No RTP arrived within ${timeoutMs / 1_000} s of the request: ${words}`,
    )
  }

  /** The only function that changes the state. */
  #enter(next: DemandState): void {
    const last = this.#state
    this.#state = next
    if (last.at === 'idle') clearTimeout(last.timer)
    this.#options.onChange()
    this.changed()
  }
}

function stopped(): StreamError {
  return new StreamError('not-started', 'The process of the stream is stopped')
}
