import type {
  Router,
  RouterRtpCodecCapability,
  Worker,
  WorkerDump,
} from 'mediasoup/types'
import type { Log } from '../../shared/log.ts'

import { bind, type BindRequest, type Bound, type Closable } from './bound.ts'
import { bounded } from './bounded.ts'

export interface MediaWorkerOptions {
  /** Time between two questions whether the worker is still there. */
  readonly askEveryMs: number
  /** A worker that is silent for so long is killed, and replaced. */
  readonly frozenAfterMs: number
  readonly log: Log
}

const CLOSE_TIME_LIMIT_MS = 2_000

/** One worker process, watched: a frozen one is avoided, then killed. */
export class MediaWorker {
  readonly #worker: Worker
  readonly #options: MediaWorkerOptions
  readonly #timer: NodeJS.Timeout
  /** When the question that waits for its answer was asked; else undefined. */
  #askedAt: number | undefined
  #occupants = 0
  #endExpected = false

  constructor(worker: Worker, options: MediaWorkerOptions) {
    this.#worker = worker
    this.#options = options
    this.#timer = setInterval(() => {
      this.#ask()
    }, options.askEveryMs)
    this.#timer.unref()
    worker.observer.on('close', () => {
      clearInterval(this.#timer)
    })
  }

  get pid(): number {
    return this.#worker.pid
  }

  /** Whether it ended without being asked to. */
  get died(): boolean {
    return this.#worker.died && !this.#endExpected
  }

  get closed(): boolean {
    return this.#worker.closed
  }

  /** Whether it answers: neither closed nor behind with an answer. */
  get answers(): boolean {
    if (this.#worker.closed) return false
    const { askEveryMs } = this.#options
    return this.#askedAt === undefined || ageMs(this.#askedAt) < askEveryMs
  }

  /** How many streams and viewers it carries. */
  get load(): number {
    return this.#occupants
  }

  /** Counts a stream or viewer; the result uncounts it, once. */
  occupy(): () => void {
    this.#occupants++
    let here = true
    return () => {
      if (here) this.#occupants--
      here = false
    }
  }

  /** @throws {EngineError} */
  createRouter(
    mediaCodecs: RouterRtpCodecCapability[],
    signal: AbortSignal,
  ): Promise<Router> {
    const router = this.#worker.createRouter({ mediaCodecs })
    return bounded('make a router', router, signal, late => {
      late.close()
    })
  }

  /** As `bind`, for what is made in this worker. */
  bind<Made extends Closable>(
    request: Omit<BindRequest<Made>, 'settled'>,
  ): Promise<Bound<Made>> {
    return bind({ ...request, settled: () => this.settled() })
  }

  /**
   * Settles when the worker has done all that it was asked before, or is
   * gone: it takes requests one after the other.
   */
  async settled(): Promise<void> {
    await this.#worker.getResourceUsage().catch(() => undefined)
  }

  /** What is in it, by id. */
  dump(): Promise<WorkerDump> {
    return this.#worker.dump()
  }

  /** Calls `listener` when it ended without being asked to. */
  onDied(listener: () => void): void {
    this.#worker.on('died', listener)
  }

  /** From now on it may end by itself, and that is no fault. */
  expectEnd(): void {
    this.#endExpected = true
  }

  /** Ends the process; kills it when it does not end. Idempotent. */
  async close(): Promise<void> {
    if (this.#worker.subprocessClosed) return
    const gone = new Promise<void>(resolve => {
      this.#worker.once('subprocessclose', resolve)
    })
    this.#worker.close()
    const timer = setTimeout(() => {
      this.#kill()
    }, CLOSE_TIME_LIMIT_MS)
    await gone
    clearTimeout(timer)
  }

  #ask(): void {
    const { frozenAfterMs, log } = this.#options
    if (this.#askedAt === undefined) {
      this.#askedAt = performance.now()
      void this.settled().then(() => {
        this.#askedAt = undefined
      })
    } else if (ageMs(this.#askedAt) > frozenAfterMs) {
      clearInterval(this.#timer)
      log.error('worker does not answer, killing it', {
        pid: this.pid,
        silentMs: Math.round(ageMs(this.#askedAt)),
      })
      this.#kill()
    }
  }

  #kill(): void {
    try {
      process.kill(this.pid, 'SIGKILL')
    } catch {
      // It ended in the meantime.
    }
  }
}

function ageMs(since: number): number {
  return performance.now() - since
}
