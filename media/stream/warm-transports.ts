import type { WebRtcTransport } from 'mediasoup/types'

import type { BoundTransport } from '../engine/bound-transport.ts'
import type { EgressRouter } from './egress-router.ts'

type Transport = BoundTransport<WebRtcTransport>

export interface WarmTransportsOptions {
  /** Creates a transport in the router. */
  readonly create: (
    egress: EgressRouter,
    signal: AbortSignal,
  ) => Promise<Transport>
  /** How long transports wait for a viewer, milliseconds. */
  readonly idleMs: number
}

/** Maximum number of waiting transports per egress router. */
const MAX_WARM = 4
/** Transports are created once no viewer has come for this long. */
const REFILL_DELAY_MS = 20
const CREATE_TIMEOUT_MS = 5_000

/** The waiting transports of one egress router. */
interface Shelf {
  readonly warm: Transport[]
  /** The next refill or, after it, the end of the waiting. */
  timer: NodeJS.Timeout | undefined
  readonly onRouterClose: () => void
}

/**
 * Creates transports ahead of time, which saves a viewer half of its POST.
 * Only for workers whose viewers share a port: elsewhere a waiting transport
 * would hold a port of the pool, and announce the addresses of its creation.
 * The first viewer of a router creates its own; a stream without viewers
 * soon has none.
 */
export class WarmTransports {
  readonly #options: WarmTransportsOptions
  readonly #shelves = new Map<EgressRouter, Shelf>()
  readonly #closing = new AbortController()

  constructor(options: WarmTransportsOptions) {
    this.#options = options
  }

  /**
   * Returns a transport in the router, which the caller closes.
   * @throws {EngineError}
   */
  take(egress: EgressRouter, signal: AbortSignal): Promise<Transport> {
    const { create } = this.#options
    const { worker } = egress
    // A frozen worker must not be sent further requests.
    const keepsWarm = worker.viewerServer !== undefined && worker.responsive
    if (!keepsWarm || this.#closing.signal.aborted) {
      return create(egress, signal)
    }
    const shelf = this.#shelves.get(egress) ?? this.#addShelf(egress)
    clearTimeout(shelf.timer)
    shelf.timer = this.#after(REFILL_DELAY_MS, () => {
      void this.#refill(egress, shelf)
    })
    const warm = shelf.warm.shift()
    return warm === undefined ? create(egress, signal) : Promise.resolve(warm)
  }

  /** Closes the waiting transports. Idempotent. */
  close(): void {
    this.#closing.abort()
    for (const egress of this.#shelves.keys()) this.#drop(egress)
  }

  #addShelf(egress: EgressRouter): Shelf {
    const onRouterClose = () => {
      this.#drop(egress)
    }
    const shelf: Shelf = { warm: [], timer: undefined, onRouterClose }
    this.#shelves.set(egress, shelf)
    // Also emitted if its worker dies.
    egress.router.observer.once('close', onRouterClose)
    return shelf
  }

  /** One after another, as requests of viewers have precedence. */
  async #refill(egress: EgressRouter, shelf: Shelf): Promise<void> {
    const { create, idleMs } = this.#options
    const { timer } = shelf
    // A viewer that comes meanwhile starts the delay again.
    while (shelf.warm.length < MAX_WARM && shelf.timer === timer) {
      const signal = AbortSignal.any([
        this.#closing.signal,
        AbortSignal.timeout(CREATE_TIMEOUT_MS),
      ])
      try {
        const transport = await create(egress, signal)
        if (this.#shelves.get(egress) === shelf) shelf.warm.push(transport)
        else transport.close()
      } catch {
        // The next viewer creates its own, and reports why that fails.
        break
      }
    }
    if (this.#shelves.get(egress) !== shelf || shelf.timer !== timer) return
    shelf.timer = this.#after(idleMs, () => {
      this.#drop(egress)
    })
  }

  #drop(egress: EgressRouter): void {
    const shelf = this.#shelves.get(egress)
    if (shelf === undefined) return
    this.#shelves.delete(egress)
    egress.router.observer.off('close', shelf.onRouterClose)
    clearTimeout(shelf.timer)
    for (const transport of shelf.warm.splice(0)) transport.close()
  }

  #after(ms: number, run: () => void): NodeJS.Timeout {
    return setTimeout(run, ms).unref()
  }
}
