import { withAbort } from '../engine/with-abort.ts'
import type { Engine } from '../engine/engine.ts'
import { EngineError } from '../engine/engine-error.ts'
import type { MediaWorker } from '../engine/media-worker.ts'
import type { EgressRouters } from './egress-routers.ts'
import { endpoints } from './endpoints.ts'
import { offeredMap } from './payload-type-map.ts'
import type { StreamSettings } from './stream-settings.ts'
import type { ViewerRequest } from '../whep/stream-port.ts'
import {
  createTransport,
  openViewerTransport,
  type ViewerHandle,
} from './viewer-transport.ts'
import { WarmTransports } from './warm-transports.ts'

export interface ViewersOptions {
  readonly engine: Engine
  readonly settings: StreamSettings
  /** The worker that has the ingest router. */
  readonly worker: MediaWorker
  readonly egress: EgressRouters
}

/** Why the viewers of a stream were ended. */
export type ViewersEnd = 'worker-died' | 'stream-ended'

/** Load difference that is worth a pipe, which costs two ports and a hop. */
const PIPE_LOAD_DELTA = 2

/** The viewers of one stream. */
export class Viewers {
  readonly #options: ViewersOptions
  readonly #viewers = new Set<ViewerHandle>()
  readonly #transports: WarmTransports
  #closed: ViewersEnd | undefined

  constructor(options: ViewersOptions) {
    const { engine, settings } = options
    this.#options = options
    this.#transports = new WarmTransports({
      create: (egress, signal) =>
        createTransport({
          egress,
          sockets: endpoints(settings.addresses),
          udpPorts: engine.udpPorts,
          tcpPorts: engine.tcpPorts,
          iceConsentTimeoutS: settings.iceConsentTimeoutS,
          signal,
        }),
      idleMs: settings.limits.warmIdleMs,
    })
  }

  /**
   * Opens a viewer in the worker of the ingest router or, if another worker
   * has clearly less load, in that one.
   * @throws {EngineError}
   */
  async open(
    request: ViewerRequest,
    signal: AbortSignal,
  ): Promise<ViewerHandle> {
    const { engine, worker } = this.#options
    const other = engine.leastLoaded()
    if (worker.load < other.load + PIPE_LOAD_DELTA) {
      return this.#openIn(worker, request, signal)
    }
    try {
      return await this.#openIn(other, request, signal)
    } catch (error) {
      // There may be ports for the viewer but none for a pipe, or the other
      // worker has died. After the deadline there is no time to try again.
      if (!(error instanceof EngineError) || error.code === 'deadline') {
        throw error
      }
      return this.#openIn(worker, request, signal)
    }
  }

  /** Ends all viewers, also those that are still being opened. Idempotent. */
  close(why: ViewersEnd): void {
    this.#closed = why
    this.#transports.close()
    for (const viewer of this.#viewers) viewer.end(why)
  }

  async #openIn(
    worker: MediaWorker,
    request: ViewerRequest,
    signal: AbortSignal,
  ): Promise<ViewerHandle> {
    const { settings, egress } = this.#options
    const undo = [worker.acquire()]
    const undoAll = () => {
      for (const step of undo.splice(0).reverse()) step()
    }
    try {
      const acquired = await withAbort(
        'route a viewer',
        egress.acquire(worker, offeredMap(request.media)),
        signal,
        late => {
          late.release()
        },
      )
      undo.push(acquired.release)
      const router = acquired.egress
      const { media } = request
      const start = await this.#transports.take(router, media, signal)
      const viewer = await openViewerTransport(start, {
        egress: router,
        request,
        sockets: endpoints(settings.addresses),
        signal,
      })
      this.#viewers.add(viewer)
      viewer.onClosed(() => {
        this.#viewers.delete(viewer)
        undoAll()
      })
      // Closed meanwhile: the caller gets an ended viewer.
      if (this.#closed) viewer.end(this.#closed)
      return viewer
    } catch (error) {
      undoAll()
      throw error
    }
  }
}
