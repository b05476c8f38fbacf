import type { Log } from '../../shared/runtime/log.ts'

import type { Engine } from '../engine/engine.ts'
import { ManagedLegs } from '../ingest/managed-legs.ts'
import { StreamError, type StreamCodecs } from '../whep/stream-port.ts'
import type { ActiveStream } from './active-stream.ts'
import { toStreamError } from './stream-error.ts'
import { openIngest } from './stream-ingest.ts'
import type { StreamSettings } from './stream-settings.ts'
import {
  ingestOf,
  isStarted,
  leaveState,
  startedOf,
  type Started,
  type StreamState,
} from './stream-state.ts'

export interface StreamMachineOptions {
  readonly engine: Engine
  readonly settings: StreamSettings
  readonly codecs: StreamCodecs
  /** Called when a stopped stream starts. */
  readonly newActive: () => ActiveStream
  readonly log: Log
  /** Called after each transition. */
  readonly onChange: () => void
}

/** The state of a stream, and the transitions that open and close its legs. */
export class StreamMachine {
  readonly #options: StreamMachineOptions
  #state: StreamState = { at: 'stopped' }

  constructor(options: StreamMachineOptions) {
    this.#options = options
  }

  get state(): StreamState {
    return this.#state
  }

  /** The only function that changes the state. */
  enter(next: StreamState): void {
    const last = this.#state
    this.#state = next
    leaveState(last, next)
    this.#options.onChange()
  }

  /**
   * Starts the stream if it is stopped, opens its ingest if it is not open, and
   * calls `finish`; then the stream is ready. On failure all legs count as
   * failed, unless the worker died, since that has begun a restart already.
   * @throws {StreamError}
   */
  async prepare<Result>(
    restartSender: Started['restartSender'],
    finish: (active: ActiveStream, signal: AbortSignal) => Promise<Result>,
  ): Promise<Result> {
    const { promise: done, resolve } = Promise.withResolvers<undefined>()
    const { active, hasRtp } = this.#startedOrNew()
    const ingest = ingestOf(this.#state)
    this.enter({ at: 'preparing', active, hasRtp, restartSender, ingest, done })
    try {
      const signal = active.openTimeout()
      await this.#openIngest(done, signal)
      const result = await finish(active, signal)
      this.#enterPrepared(done)
      return result
    } catch (cause) {
      const error = toStreamError(cause)
      if (this.#isPreparing(done)) {
        this.#enterPrepared(done)
        active.openFailed(error.code === 'ports' ? 'bind' : 'worker')
      }
      throw error
    } finally {
      resolve(undefined)
    }
  }

  /** Closes everything that is open. */
  async end(at: 'stopped' | 'removed'): Promise<void> {
    const last = this.#state
    this.enter({ at })
    if (!isStarted(last)) return
    await last.active.close(last.at === 'preparing' ? last.done : undefined)
  }

  /** Whether `active` is of the present start, and not of one before a stop. */
  isActive(active: ActiveStream): boolean {
    return isStarted(this.#state) && this.#state.active === active
  }

  /** @throws {StreamError} */
  #startedOrNew(): Pick<Started, 'active' | 'hasRtp'> {
    const state = this.#state
    if (isStarted(state)) return state
    if (state.at === 'stopped') {
      return { active: this.#options.newActive(), hasRtp: false }
    }
    throw new StreamError('not-live', 'Cannot start the stream: it is removed')
  }

  async #openIngest(done: Promise<void>, signal: AbortSignal): Promise<void> {
    const { engine, settings, codecs } = this.#options
    const { active } = this.#preparing(done)
    const { legs, monitor } = active
    if (legs instanceof ManagedLegs && !(await legs.portsAvailable())) {
      // The legs identify FFmpeg by ports that it cannot have again.
      this.enter({ ...this.#preparing(done), ingest: undefined })
    }
    if (this.#preparing(done).ingest !== undefined) return
    const onLost = (died: boolean) => {
      if (this.isActive(active)) this.#ingestLost(died)
    }
    const ingest = await openIngest({
      engine,
      settings,
      codecs,
      legs,
      monitor,
      signal,
      onLost,
    })
    if (!this.#isPreparing(done)) ingest.close()
    this.enter({ ...this.#preparing(done), ingest })
  }

  #enterPrepared(done: Promise<void>): void {
    const state = this.#preparing(done)
    const { ingest } = state
    this.enter(
      ingest === undefined
        ? { ...startedOf(state), at: 'failed', retry: undefined }
        : { ...startedOf(state), at: 'ready', ingest },
    )
  }

  /**
   * Returns the state while the preparation is in progress.
   * @throws {StreamError}
   */
  #preparing(done: Promise<void>) {
    const state = this.#state
    if (state.at === 'preparing' && state.done === done) return state
    throw new StreamError('worker', 'Cannot prepare the stream: it was stopped')
  }

  #isPreparing(done: Promise<void>): boolean {
    return this.#state.at === 'preparing' && this.#state.done === done
  }

  #ingestLost(died: boolean): void {
    const state = this.#state
    if (!isStarted(state)) return
    const started = startedOf(state)
    started.active.senderStopped()
    this.enter(
      state.at === 'over'
        ? { ...started, at: 'over', ingest: undefined }
        : { ...started, at: 'lost' },
    )
    // If it did not die, our own shutdown has closed it.
    if (!died) return
    this.#options.log.warn('stream lost its worker')
    started.restartSender('its worker died')
  }
}
