/**
 * media/ingest/relay forwards RTP in a thread of its own, so that neither HTTP
 * requests nor garbage collection in the main thread delay a packet.
 * Owns: the thread, and in it the sockets of the relayed legs.
 * Gets: ports, a LegPlan, the worker's port. Gives: packet counts, faults, and
 * RTP with continuous timestamps to the worker. To read it: this file (main
 * thread), relay-messages.ts, then relay.ts (relay thread).
 */
import { Worker } from 'node:worker_threads'

import { repeatAfterInput, type Cancel } from '../../../shared/runtime/clock.ts'
import type { Log } from '../../../shared/runtime/log.ts'
import { EngineError } from '../../engine/engine-error.ts'
import type { MediaLimits } from '../../limits.ts'
import type {
  ForwardTarget,
  RelayCommand,
  RelayReply,
  RelayRequest,
  RelayResult,
  RelaySpec,
} from './relay-messages.ts'

interface Pending {
  readonly resolve: (result: RelayResult) => void
  readonly reject: (error: EngineError) => void
}

/** What a new thread needs to continue a relay. */
interface KnownRelay {
  readonly spec: RelaySpec
  target: ForwardTarget | undefined
}

/** So that a thread that fails at once does not spin. */
const RESTART_DELAY_MS = 250

/**
 * The relay thread. It starts at the first request. If it dies or hangs,
 * another one continues all relays: their senders and viewers notice lost
 * packets only.
 */
export class RelayThread {
  readonly #limits: MediaLimits
  readonly #log: Log
  readonly #relays = new Map<number, KnownRelay>()
  /** Requests without a reply, by id. */
  readonly #pending = new Map<number, Pending>()
  /** Requests made while a new thread is about to start. */
  #queue: RelayRequest[] = []
  #worker: Worker | undefined
  #restart: NodeJS.Timeout | undefined
  #ids = 0
  #closed = false

  constructor(limits: MediaLimits, log: Log) {
    this.#limits = limits
    this.#log = log
  }

  /** Returns a number for a new relay. */
  newRelay(): number {
    return ++this.#ids
  }

  /**
   * Sends a command; the thread executes all commands in order.
   * @throws {EngineError} `worker` if the thread ends first
   */
  async request(relay: number, command: RelayCommand): Promise<RelayResult> {
    this.#record(relay, command)
    const result = await this.#send(relay, command)
    if (command.type === 'open' && result.type === 'done') {
      this.#relays.set(relay, { spec: command.spec, target: undefined })
    }
    return result
  }

  /** Ends the thread, which closes its sockets. Idempotent. */
  async close(): Promise<void> {
    this.#closed = true
    clearTimeout(this.#restart)
    await this.#worker?.terminate()
    this.#rejectAll()
  }

  #record(relay: number, command: RelayCommand): void {
    const known = this.#relays.get(relay)
    if (known === undefined) return
    switch (command.type) {
      case 'forward':
        known.target = command.target
        break
      case 'drop':
        known.target = undefined
        break
      case 'close':
        this.#relays.delete(relay)
        break
      case 'open':
      case 'end-sender':
      case 'inspect':
        break
      default:
        command satisfies never
    }
  }

  #send(relay: number, command: RelayCommand): Promise<RelayResult> {
    if (this.#closed) return Promise.reject(ended())
    const id = ++this.#ids
    const result = new Promise<RelayResult>((resolve, reject) => {
      this.#pending.set(id, { resolve, reject })
    })
    this.#post({ id, relay, command })
    return result
  }

  #post(request: RelayRequest): void {
    if (this.#restart !== undefined) this.#queue.push(request)
    else (this.#worker ??= this.#start()).postMessage(request)
  }

  #start(): Worker {
    const worker = new Worker(new URL('relay-main.ts', import.meta.url), {
      name: 'relay',
    })
    worker.on('message', ({ id, result }: RelayReply) => {
      this.#pending.get(id)?.resolve(result)
      this.#pending.delete(id)
    })
    let cause: unknown
    worker.on('error', error => {
      cause = error
    })
    const stopChecking = this.#checkReplies(worker)
    worker.on('exit', () => {
      stopChecking()
      this.#worker = undefined
      if (!this.#closed) this.#died(cause)
    })
    return worker
  }

  /**
   * Ends a thread that hangs: it leaves the same request without a reply in
   * successive checks. Legs send requests all the time. Checks are counted, not
   * time, so that a pause of the whole process is not taken for a hang.
   */
  #checkReplies(worker: Worker): Cancel {
    const { workerPingIntervalMs, workerUnresponsiveTimeoutMs } = this.#limits
    let oldest: number | undefined
    let silentMs = 0
    const stop = repeatAfterInput(workerPingIntervalMs, () => {
      const [id] = this.#pending.keys()
      silentMs = id === oldest ? silentMs + workerPingIntervalMs : 0
      oldest = id
      if (id === undefined || silentMs < workerUnresponsiveTimeoutMs) return
      stop()
      this.#log.error('relay thread does not respond, ending it', { silentMs })
      void worker.terminate()
    })
    return stop
  }

  #died(error: unknown): void {
    this.#log.error('relay thread died, starting another', { error })
    this.#rejectAll()
    this.#restart = setTimeout(() => {
      this.#restart = undefined
      this.#continue()
    }, RESTART_DELAY_MS)
  }

  #continue(): void {
    for (const [relay, { spec, target }] of this.#relays) {
      this.#reopen(relay, spec, target).catch((error: unknown) => {
        if (this.#closed) return
        this.#log.error('cannot continue a leg', {
          kind: spec.plan.kind,
          error,
        })
      })
    }
    for (const request of this.#queue.splice(0)) this.#post(request)
  }

  async #reopen(
    relay: number,
    spec: RelaySpec,
    target: ForwardTarget | undefined,
  ): Promise<void> {
    const opening = this.#send(relay, { type: 'open', spec })
    const forwarding = target && this.#send(relay, { type: 'forward', target })
    const [opened] = await Promise.all([opening, forwarding])
    if (opened.type === 'not-bound') {
      throw new EngineError('ports', opened.failure.message)
    }
  }

  #rejectAll(): void {
    this.#queue = []
    const pending = [...this.#pending.values()]
    this.#pending.clear()
    for (const { reject } of pending) reject(ended())
  }
}

function ended(): EngineError {
  return new EngineError('worker', 'Cannot relay RTP: the relay thread ended')
}
