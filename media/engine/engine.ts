import { setLogEventListeners } from 'mediasoup'
import type { Log } from '../../shared/log.ts'

import { EngineError } from './engine-error.ts'
import { MediaWorker } from './media-worker.ts'
import { probeTcpPort, probeUdpPort } from './port-probe.ts'
import { PortPool } from './port-pool.ts'
import { spawnWorker } from './spawn-worker.ts'

export interface PortRange {
  readonly min: number
  readonly max: number
}

export interface EngineOptions {
  /** How many workers there shall be. */
  readonly workers: number
  /** Path of the mediasoup worker. */
  readonly binary: string
  readonly udpPorts: PortRange
  /** undefined: no ICE over TCP. */
  readonly tcpPorts: PortRange | undefined
  readonly log: Log
  /** Called when the counts of the UDP pool have changed. */
  readonly onPortsChange?: () => void
  readonly startTimeLimitMs?: number
  readonly askEveryMs?: number
  readonly frozenAfterMs?: number
}

/** A stream's place in a worker. */
export interface WorkerPlace {
  readonly worker: MediaWorker
  /** Idempotent. */
  readonly leave: () => void
}

const START_TIME_LIMIT_MS = 10_000
const ASK_EVERY_MS = 1_000
const FROZEN_AFTER_MS = 20_000
const FIRST_RETRY_MS = 100
const LAST_RETRY_MS = 10_000
/** A worker that lived for so long did not die of its start. */
const HEALTHY_AFTER_MS = 30_000

/** The mediasoup workers and the port pools. */
export class Engine {
  readonly udpPorts: PortPool
  readonly tcpPorts: PortPool | undefined
  readonly #options: EngineOptions
  readonly #workers = new Set<MediaWorker>()
  readonly #closing = new AbortController()
  /** Those who wait for a worker while there is none. */
  readonly #waiting = new Set<() => void>()
  #retryMs = FIRST_RETRY_MS

  private constructor(options: EngineOptions) {
    this.#options = options
    this.udpPorts = new PortPool({
      protocol: 'udp',
      ...options.udpPorts,
      probe: probeUdpPort,
      ...(options.onPortsChange && { onChange: options.onPortsChange }),
    })
    this.tcpPorts =
      options.tcpPorts &&
      new PortPool({
        protocol: 'tcp',
        ...options.tcpPorts,
        probe: probeTcpPort,
      })
  }

  /**
   * Starts the workers and looks which ports other programs hold.
   * @throws {EngineError} `worker`; what was started is ended
   */
  static async start(options: EngineOptions): Promise<Engine> {
    const engine = new Engine(options)
    logMediasoup(options.log, engine.#closing.signal)
    const workers = Array.from({ length: options.workers }, () =>
      engine.#spawn(),
    )
    const started = await Promise.allSettled([
      ...workers,
      engine.udpPorts.sweep(),
      engine.tcpPorts?.sweep(),
    ])
    const failed = started.find(({ status }) => status === 'rejected')
    if (failed?.status !== 'rejected') return engine
    await engine.close()
    throw EngineError.from(failed.reason, 'start')
  }

  /**
   * The workers that run, frozen ones too. One that died is none from then
   * on, also for those who hear of its death before we do.
   */
  get workers(): readonly MediaWorker[] {
    return [...this.#workers].filter(worker => !worker.closed)
  }

  /**
   * The least loaded worker; one that does not answer only where none does,
   * since it may thaw.
   * @throws {EngineError} `worker` when there is none
   */
  leastLoaded(): MediaWorker {
    const { workers } = this
    const answering = workers.filter(worker => worker.answers)
    const [first, ...rest] = answering.length > 0 ? answering : workers
    if (first === undefined) {
      throw new EngineError('worker', 'Cannot use a worker: none is running')
    }
    return rest.reduce((a, b) => (b.load < a.load ? b : a), first)
  }

  /**
   * Counts a stream into the least loaded worker; waits while a dead one is
   * being replaced.
   * @throws {EngineError} `deadline`
   */
  async join(signal: AbortSignal): Promise<WorkerPlace> {
    while (this.workers.length === 0) await this.#workerCame(signal)
    const worker = this.leastLoaded()
    // Counted at once, so that streams that start together share the workers.
    return { worker, leave: worker.occupy() }
  }

  /**
   * Shutdown begins: workers may end by themselves from now on. Ctrl-C in a
   * terminal reaches them as well, long before `close`, and must not look like
   * a fault of streams and viewers. Idempotent.
   */
  expectEnd(): void {
    this.#closing.abort()
    for (const worker of this.#workers) worker.expectEnd()
  }

  /** Ends all workers. Idempotent. */
  async close(): Promise<void> {
    this.expectEnd()
    this.udpPorts.close()
    this.tcpPorts?.close()
    await Promise.all([...this.#workers].map(worker => worker.close()))
  }

  async #spawn(): Promise<void> {
    const { binary, log, startTimeLimitMs, askEveryMs, frozenAfterMs } =
      this.#options
    const worker = new MediaWorker(
      await spawnWorker(binary, startTimeLimitMs ?? START_TIME_LIMIT_MS),
      {
        askEveryMs: askEveryMs ?? ASK_EVERY_MS,
        frozenAfterMs: frozenAfterMs ?? FROZEN_AFTER_MS,
        log,
      },
    )
    if (this.#closing.signal.aborted) {
      await worker.close()
      return
    }
    this.#workers.add(worker)
    log.info('worker started', { pid: worker.pid })
    const bornAt = performance.now()
    worker.onDied(() => {
      this.#workers.delete(worker)
      if (this.#closing.signal.aborted) return
      log.error('worker died, starting another', { pid: worker.pid })
      if (performance.now() - bornAt > HEALTHY_AFTER_MS) {
        this.#retryMs = FIRST_RETRY_MS
      }
      this.#respawnLater()
    })
    for (const tell of this.#waiting) tell()
  }

  /** Waits longer each time, so that a broken worker is no busy loop. */
  #respawnLater(): void {
    const timer = setTimeout(() => {
      this.#closing.signal.removeEventListener('abort', cancel)
      this.#spawn().catch((error: unknown) => {
        if (this.#closing.signal.aborted) return
        this.#options.log.error('cannot replace worker', { error })
        this.#respawnLater()
      })
    }, this.#retryMs)
    const cancel = () => {
      clearTimeout(timer)
    }
    this.#closing.signal.addEventListener('abort', cancel, { once: true })
    this.#retryMs = Math.min(this.#retryMs * 2, LAST_RETRY_MS)
  }

  #workerCame(signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const ended = AbortSignal.any([signal, this.#closing.signal])
      const settle = () => {
        this.#waiting.delete(settle)
        ended.removeEventListener('abort', settle)
        if (!ended.aborted) resolve()
        else {
          reject(
            new EngineError('deadline', 'Cannot use a worker: none came back', {
              cause: ended.reason,
            }),
          )
        }
      }
      if (ended.aborted) settle()
      else {
        this.#waiting.add(settle)
        ended.addEventListener('abort', settle, { once: true })
      }
    })
  }
}

const ADDRESS = /\b\d{1,3}(\.\d{1,3}){3}\b|\b[0-9a-f]*:[0-9a-f:]*:[0-9a-f]+\b/gi

/**
 * mediasoup logs by functions of the module, not of a worker. At our own end
 * it takes workers that end by themselves for dead ones.
 */
function logMediasoup(log: Log, closing: AbortSignal): void {
  setLogEventListeners({
    onerror: (namespace, text, error) => {
      if (closing.aborted) return
      const detail = text.replaceAll(ADDRESS, '<address>')
      log.error('mediasoup reports an error', { namespace, detail, error })
    },
  })
}
