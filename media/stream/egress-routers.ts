import { EngineError } from '../engine/engine-error.ts'
import type { MediaWorker } from '../engine/media-worker.ts'
import type { EgressRouter, PipedRouter } from './egress-router.ts'
import { canServe, mapKey, type PayloadTypeMap } from './payload-type-map.ts'

/** An egress router, acquired for one viewer. */
export interface AcquiredRouter {
  readonly egress: EgressRouter
  /** The viewer has left. Idempotent. */
  readonly release: () => void
}

export interface EgressRoutersOptions {
  /** The router that the legs send to; serves viewers without a pipe. */
  readonly ingest: EgressRouter
  readonly openPiped: (
    worker: MediaWorker,
    map: PayloadTypeMap,
  ) => Promise<PipedRouter>
  /** How long a piped router without viewers is kept, milliseconds. */
  readonly idleMs: number
  /** Maximum of piped routers: clients choose the payload types. */
  readonly max: number
}

interface Piped {
  /** Shared by all viewers that need it first. */
  readonly opening: Promise<PipedRouter>
  viewers: number
  idle: NodeJS.Timeout | undefined
}

/** The egress routers of a stream: the ingest router and the piped ones. */
export class EgressRouters {
  readonly #options: EgressRoutersOptions
  /** By worker and payload type map, least recently used first. */
  readonly #piped = new Map<string, Piped>()
  #closed = false

  constructor(options: EgressRoutersOptions) {
    this.#options = options
  }

  /**
   * A router in `worker` that serves the map; opened if there is none.
   * @throws {EngineError}
   */
  async acquire(
    worker: MediaWorker,
    map: PayloadTypeMap,
  ): Promise<AcquiredRouter> {
    const { ingest } = this.#options
    if (worker === ingest.worker && canServe(ingest.map, map)) {
      return { egress: ingest, release: () => undefined }
    }
    const key = `${worker.pid} ${mapKey(map)}`
    const piped = this.#piped.get(key) ?? this.#open(key, worker, map)
    const release = this.#use(key, piped)
    try {
      return { egress: await piped.opening, release }
    } catch (error) {
      release()
      throw error
    }
  }

  /** Closes the piped routers. Idempotent. */
  close(): void {
    this.#closed = true
    for (const [key, piped] of this.#piped) this.#drop(key, piped)
  }

  #open(key: string, worker: MediaWorker, map: PayloadTypeMap): Piped {
    this.#makeRoom()
    const piped: Piped = {
      opening: this.#options.openPiped(worker, map),
      viewers: 0,
      idle: undefined,
    }
    this.#piped.set(key, piped)
    const drop = () => {
      this.#drop(key, piped)
    }
    piped.opening.then(({ router }) => router.once('workerclose', drop), drop)
    return piped
  }

  #use(key: string, piped: Piped): () => void {
    clearTimeout(piped.idle)
    piped.viewers++
    if (this.#piped.get(key) === piped) {
      this.#piped.delete(key)
      this.#piped.set(key, piped)
    }
    let isUsed = true
    return () => {
      if (!isUsed) return
      isUsed = false
      piped.viewers--
      if (piped.viewers > 0) return
      piped.idle = setTimeout(() => {
        this.#drop(key, piped)
      }, this.#options.idleMs)
      piped.idle.unref()
    }
  }

  #makeRoom(): void {
    if (this.#closed) {
      throw new EngineError('worker', 'Cannot pipe a stream: it was stopped')
    }
    if (this.#piped.size < this.#options.max) return
    for (const [key, piped] of this.#piped) {
      if (piped.viewers > 0) continue
      this.#drop(key, piped)
      return
    }
    throw new EngineError(
      'layouts',
      `Cannot pipe a stream: ${this.#piped.size} payload type maps have ` +
        `viewers, limit is ${this.#options.max}`,
    )
  }

  #drop(key: string, piped: Piped): void {
    clearTimeout(piped.idle)
    if (this.#piped.get(key) === piped) this.#piped.delete(key)
    piped.opening.then(
      router => {
        router.close()
      },
      () => undefined,
    )
  }
}
