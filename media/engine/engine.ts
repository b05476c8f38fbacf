/**
 * media/engine is the only folder that imports mediasoup as a value.
 * Owns: the worker processes, their restarts, and the UDP and TCP port pools.
 * Gets: port ranges, the worker binary, a log. Gives: the least loaded worker,
 * leased ports, and requests to workers that end at an abort.
 */
import { setLogEventListeners } from 'mediasoup'
import type { Log } from '../../shared/runtime/log.ts'
import type { MediaLimits } from '../limits.ts'

import { EngineError } from './engine-error.ts'
import { MediaWorker } from './media-worker.ts'
import { boundUdpPorts, probeTcpPort, probeUdpPort } from './port-probe.ts'
import { PortPool, type PortCounts } from './port-pool.ts'
import { spawnWorker } from './spawn-worker.ts'
import { openViewerServer, type SharedPort } from './viewer-server.ts'

export interface PortRange {
  readonly min: number
  readonly max: number
}

export interface EngineOptions {
  /** Number of workers. */
  readonly workers: number
  /** Path of the mediasoup worker. */
  readonly binary: string
  readonly udpPorts: PortRange
  /** undefined: no ICE over TCP. */
  readonly tcpPorts: PortRange | undefined
  /** undefined: viewers use ports of the pool. */
  readonly sharedPort?: SharedPort | undefined
  readonly limits: MediaLimits
  readonly log: Log
  /** Called when the counts of the UDP pool have changed. */
  readonly onPortsChange: () => void
}

/** A worker, for operators. */
export interface WorkerState {
  /** null: it is being replaced. */
  readonly pid: number | null
  readonly state: 'running' | 'frozen' | 'restarting'
}

/** A worker, with one stream counted on it. */
export interface AcquiredWorker {
  readonly worker: MediaWorker
  /** Idempotent. */
  readonly release: () => void
}

const MIN_RETRY_MS = 100
const MAX_RETRY_MS = 10_000
/** A worker that ran this long did not fail to start: reset the back-off. */
const HEALTHY_AFTER_MS = 30_000

/** The mediasoup workers and the port pools. */
export class Engine {
  readonly udpPorts: PortPool
  readonly tcpPorts: PortPool | undefined
  readonly #options: EngineOptions
  readonly #workers = new Set<MediaWorker>()
  readonly #closing = new AbortController()
  /** Called when a worker has started, for `acquire` to try again. */
  readonly #waiting = new Set<() => void>()
  #retryMs = MIN_RETRY_MS

  private constructor(options: EngineOptions) {
    const { portQuarantineMs: quarantineMs } = options.limits
    this.#options = options
    this.udpPorts = new PortPool({
      protocol: 'udp',
      ...options.udpPorts,
      probe: probeUdpPort,
      boundPorts: boundUdpPorts,
      quarantineMs,
      onChange: options.onPortsChange,
    })
    this.tcpPorts =
      options.tcpPorts &&
      new PortPool({
        protocol: 'tcp',
        ...options.tcpPorts,
        probe: probeTcpPort,
        quarantineMs,
      })
    // One in the pool is never leased for anything else.
    for (const port of this.#sharedPorts()) this.udpPorts.reserve(port)
  }

  /**
   * Starts the workers and finds the ports that other programs use.
   * @throws {EngineError} `worker`; workers that have started are closed
   */
  static async start(options: EngineOptions): Promise<Engine> {
    const engine = new Engine(options)
    logMediasoup(options.log, engine.#closing.signal)
    const workers = Array.from({ length: options.workers }, (_, index) =>
      engine.#spawn(index),
    )
    const started = await Promise.allSettled([
      ...workers,
      engine.udpPorts.scan(),
      engine.tcpPorts?.scan(),
    ])
    const failed = started.find(({ status }) => status === 'rejected')
    if (failed?.status !== 'rejected') return engine
    await engine.close()
    throw EngineError.from(failed.reason, 'start')
  }

  /** UDP ports in use and available, those that viewers share included. */
  udpPortCounts(): PortCounts {
    const { inUse, available } = this.udpPorts.counts()
    const outside = this.#sharedPorts().filter(
      port => !this.udpPorts.contains(port),
    )
    return { inUse: inUse + outside.length, available }
  }

  /**
   * The workers that run, frozen ones too. A worker is left out as soon as it
   * has died, even if our own `onDied` listener has yet to run.
   */
  get workers(): readonly MediaWorker[] {
    return [...this.#workers].filter(worker => !worker.closed)
  }

  /** The state of each worker; one that has died is being replaced. */
  workerStates(): readonly WorkerState[] {
    const states = this.workers.map(({ pid, responsive }) => ({
      pid,
      state: responsive ? ('running' as const) : ('frozen' as const),
    }))
    const missing = this.#options.workers - states.length
    const replaced = { pid: null, state: 'restarting' as const }
    return [...states, ...Array.from({ length: missing }, () => replaced)]
  }

  /**
   * The least loaded worker. An unresponsive one, which may recover, is only
   * chosen if all are unresponsive.
   * @throws {EngineError} `worker` if none is running
   */
  leastLoaded(): MediaWorker {
    const { workers } = this
    const responsive = workers.filter(worker => worker.responsive)
    const [first, ...rest] = responsive.length > 0 ? responsive : workers
    if (first === undefined) {
      throw new EngineError('worker', 'Cannot use a worker: none is running')
    }
    return rest.reduce((a, b) => (b.load < a.load ? b : a), first)
  }

  /**
   * Counts a stream on the least loaded worker. While no worker is running,
   * waits for a replacement.
   * @throws {EngineError} `deadline`
   */
  async acquire(signal: AbortSignal): Promise<AcquiredWorker> {
    while (this.workers.length === 0) await this.#workerStarted(signal)
    const worker = this.leastLoaded()
    // Synchronous, so that streams that start together spread over the workers.
    return { worker, release: worker.acquire() }
  }

  /**
   * Shutdown has begun: from here on an exit of a worker is expected. Ctrl-C
   * in a terminal reaches the workers too, long before `close`, and must not
   * count as a failure of streams and viewers. Idempotent.
   */
  beginShutdown(): void {
    this.#closing.abort()
    for (const worker of this.#workers) worker.beginShutdown()
  }

  /** Ends all workers. Idempotent. */
  async close(): Promise<void> {
    this.beginShutdown()
    this.udpPorts.close()
    this.tcpPorts?.close()
    await Promise.all([...this.#workers].map(worker => worker.close()))
  }

  /** The ports that viewers share, one per worker. */
  #sharedPorts(): readonly number[] {
    const { sharedPort, workers } = this.#options
    if (sharedPort === undefined) return []
    return Array.from(
      { length: workers },
      (_, index) => sharedPort.port + index,
    )
  }

  /** @param index of the worker, which a replacement takes over */
  async #spawn(index: number): Promise<void> {
    const { binary, limits, log, sharedPort } = this.#options
    const timeoutMs = limits.workerStartTimeoutMs
    const spawned = await spawnWorker(binary, timeoutMs)
    const viewerServer =
      sharedPort &&
      (await openViewerServer(
        spawned,
        sharedPort,
        sharedPort.port + index,
        timeoutMs,
      ).catch((error: unknown) => {
        spawned.close()
        throw error
      }))
    const worker = new MediaWorker(spawned, { limits, log, viewerServer })
    if (this.#closing.signal.aborted) {
      await worker.close()
      return
    }
    this.#workers.add(worker)
    log.info('worker started', { pid: worker.pid })
    const startedAt = performance.now()
    worker.onDied(() => {
      this.#workers.delete(worker)
      if (this.#closing.signal.aborted) return
      log.error('worker died, starting another', { pid: worker.pid })
      if (performance.now() - startedAt > HEALTHY_AFTER_MS) {
        this.#retryMs = MIN_RETRY_MS
      }
      this.#respawnLater(index)
    })
    for (const wake of this.#waiting) wake()
  }

  /** Exponential back-off, so a worker that crashes at start does not spin. */
  #respawnLater(index: number): void {
    const timer = setTimeout(() => {
      this.#closing.signal.removeEventListener('abort', cancel)
      this.#spawn(index).catch((error: unknown) => {
        if (this.#closing.signal.aborted) return
        this.#options.log.error('cannot replace worker', { error })
        this.#respawnLater(index)
      })
    }, this.#retryMs)
    const cancel = () => {
      clearTimeout(timer)
    }
    this.#closing.signal.addEventListener('abort', cancel, { once: true })
    this.#retryMs = Math.min(this.#retryMs * 2, MAX_RETRY_MS)
  }

  #workerStarted(signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const ended = AbortSignal.any([signal, this.#closing.signal])
      const settle = () => {
        this.#waiting.delete(settle)
        ended.removeEventListener('abort', settle)
        if (!ended.aborted) resolve()
        else {
          reject(
            new EngineError('deadline', 'Cannot use a worker: none started', {
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
 * Logs mediasoup's errors, without addresses. mediasoup's listeners are global,
 * not per worker. During shutdown it reports expected exits as errors, so
 * those are not logged.
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
