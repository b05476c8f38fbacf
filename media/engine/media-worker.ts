import type {
  Router,
  RouterRtpCodecCapability,
  WebRtcServer,
  Worker,
} from 'mediasoup/types'
import type { Log } from '../../shared/runtime/log.ts'
import { repeatAfterInput, type Cancel } from '../../shared/runtime/clock.ts'
import type { MediaLimits } from '../limits.ts'

import {
  bindWithPorts,
  type BindRequest,
  type BoundTransport,
  type Closable,
} from './bound-transport.ts'
import { withAbort } from './with-abort.ts'

export interface MediaWorkerOptions {
  readonly limits: MediaLimits
  readonly log: Log
  /** The port that all its viewers share; undefined: they use the pool. */
  readonly viewerServer: WebRtcServer | undefined
}

const CLOSE_TIMEOUT_MS = 2_000

/** One worker process, pinged: a frozen one is avoided, then killed. */
export class MediaWorker {
  readonly #worker: Worker
  readonly #options: MediaWorkerOptions
  readonly #stopPinging: Cancel
  /** When the unanswered ping was sent; undefined if there is none. */
  #pingedAt: number | undefined
  #load = 0
  #shuttingDown = false

  constructor(worker: Worker, options: MediaWorkerOptions) {
    this.#worker = worker
    this.#options = options
    this.#stopPinging = repeatAfterInput(
      options.limits.workerPingIntervalMs,
      () => {
        this.#ping()
      },
    )
    worker.observer.on('close', this.#stopPinging)
  }

  get viewerServer(): WebRtcServer | undefined {
    return this.#options.viewerServer
  }

  get pid(): number {
    return this.#worker.pid
  }

  /** Whether it ended unexpectedly. */
  get died(): boolean {
    return this.#worker.died && !this.#shuttingDown
  }

  get closed(): boolean {
    return this.#worker.closed
  }

  /** Whether it is open and no ping has been unanswered for an interval. */
  get responsive(): boolean {
    if (this.#worker.closed) return false
    const { workerPingIntervalMs } = this.#options.limits
    return (
      this.#pingedAt === undefined ||
      ageMs(this.#pingedAt) < workerPingIntervalMs
    )
  }

  /** Number of streams and viewers on it. */
  get load(): number {
    return this.#load
  }

  /**
   * Counts one stream or viewer.
   * @returns a function that releases it; idempotent
   */
  acquire(): () => void {
    this.#load++
    let acquired = true
    return () => {
      if (acquired) this.#load--
      acquired = false
    }
  }

  /** @throws {EngineError} */
  createRouter(
    mediaCodecs: RouterRtpCodecCapability[],
    signal: AbortSignal,
  ): Promise<Router> {
    const router = this.#worker.createRouter({ mediaCodecs })
    return withAbort('create a router', router, signal, late => {
      late.close()
    })
  }

  /** `bindWithPorts` for a transport of this worker. */
  bindWithPorts<Made extends Closable>(
    request: Omit<BindRequest<Made>, 'settled'>,
  ): Promise<BoundTransport<Made>> {
    return bindWithPorts({ ...request, settled: () => this.settled() })
  }

  /**
   * Settles when the worker has processed all earlier requests, or is gone:
   * it processes requests in order.
   */
  async settled(): Promise<void> {
    await this.#worker.getResourceUsage().catch(() => undefined)
  }

  /** Calls `listener` if it ends unexpectedly. */
  onDied(listener: () => void): void {
    this.#worker.on('died', listener)
  }

  /** Shutdown has begun: from here on an exit is expected. */
  beginShutdown(): void {
    this.#shuttingDown = true
  }

  /** Ends the process; kills it after a timeout. Idempotent. */
  async close(): Promise<void> {
    if (this.#worker.subprocessClosed) return
    const gone = new Promise<void>(resolve => {
      this.#worker.once('subprocessclose', resolve)
    })
    this.#worker.close()
    const timer = setTimeout(() => {
      this.#kill()
    }, CLOSE_TIMEOUT_MS)
    await gone
    clearTimeout(timer)
  }

  #ping(): void {
    const { limits, log } = this.#options
    if (this.#pingedAt === undefined) {
      this.#pingedAt = performance.now()
      void this.settled().then(() => {
        this.#pingedAt = undefined
      })
    } else if (ageMs(this.#pingedAt) > limits.workerUnresponsiveTimeoutMs) {
      this.#stopPinging()
      log.error('worker does not respond, killing it', {
        pid: this.pid,
        silentMs: Math.round(ageMs(this.#pingedAt)),
      })
      this.#kill()
    }
  }

  #kill(): void {
    try {
      process.kill(this.pid, 'SIGKILL')
    } catch {
      // It has ended already.
    }
  }
}

function ageMs(since: number): number {
  return performance.now() - since
}
