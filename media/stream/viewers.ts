import { withAbort } from '../engine/with-abort.ts'
import type { Engine } from '../engine/engine.ts'
import { EngineError } from '../engine/engine-error.ts'
import type { MediaWorker } from '../engine/media-worker.ts'
import { endpoints, type Addresses } from './endpoints.ts'
import { layoutOf } from './layout.ts'
import type { Source } from './source.ts'
import type { ViewerRequest } from '../whep/stream-port.ts'
import { openViewerTransport, type ViewerHandle } from './viewer-transport.ts'

export interface ViewersOptions {
  readonly engine: Engine
  readonly addresses: Addresses
  readonly iceConsentTimeoutS: number
}

/** A pipe costs two ports and a hop: not for a difference of one. */
const WORTH_A_PIPE = 2

/** The viewers of one stream. */
export class Viewers {
  readonly #options: ViewersOptions
  readonly #viewers = new Set<ViewerHandle>()

  constructor(options: ViewersOptions) {
    this.#options = options
  }

  /**
   * Opens one that is fed from `source`: in the source's own worker, or, once
   * that is fuller than another, there.
   * @throws {EngineError}
   */
  async open(
    source: Source,
    request: ViewerRequest,
    signal: AbortSignal,
  ): Promise<ViewerHandle> {
    const other = this.#options.engine.leastLoaded()
    if (source.worker.load < other.load + WORTH_A_PIPE) {
      return this.#openIn(source.worker, source, request, signal)
    }
    try {
      return await this.#openIn(other, source, request, signal)
    } catch (error) {
      // There may be room for the viewer, but none for the pipe; and the
      // other worker may have died since. Where the time is up, it is up.
      if (!(error instanceof EngineError) || error.code === 'deadline') {
        throw error
      }
      return this.#openIn(source.worker, source, request, signal)
    }
  }

  /** Ends all; each hears why. */
  endAll(why: 'worker-died' | 'stream-ended'): void {
    for (const viewer of this.#viewers) viewer.end(why)
  }

  async #openIn(
    worker: MediaWorker,
    source: Source,
    request: ViewerRequest,
    signal: AbortSignal,
  ): Promise<ViewerHandle> {
    const { engine, addresses, iceConsentTimeoutS } = this.#options
    const undo = [worker.acquire()]
    const undoAll = () => {
      for (const step of undo) step()
    }
    try {
      const use = await withAbort(
        'feed a viewer',
        source.feeds.use(worker, layoutOf(request.media)),
        signal,
        late => {
          late.done()
        },
      )
      undo.push(() => {
        use.done()
      })
      const viewer = await openViewerTransport({
        feed: use.feed,
        request,
        sockets: endpoints(addresses),
        udpPorts: engine.udpPorts,
        tcpPorts: engine.tcpPorts,
        iceConsentTimeoutS,
        signal,
      })
      this.#viewers.add(viewer)
      viewer.onClosed(() => {
        this.#viewers.delete(viewer)
        undoAll()
      })
      return viewer
    } catch (error) {
      undoAll()
      throw error
    }
  }
}
