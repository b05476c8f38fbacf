import type { WebRtcTransport } from 'mediasoup/types'

import type { BoundTransport } from '../engine/bound-transport.ts'
import { withAbort } from '../engine/with-abort.ts'
import type { ViewerMedia } from '../whep/stream-port.ts'
import type { EgressRouter } from './egress-router.ts'
import {
  sendAll,
  type SentMedia,
  type ViewerStart,
} from './viewer-transport.ts'

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

/** A waiting transport that sends what an earlier viewer requested. */
interface Warm extends ViewerStart {
  readonly sent: readonly SentMedia[]
  /** Equal for requests of the same media. */
  readonly key: string
}

/** The waiting transports of one egress router. */
interface Shelf {
  readonly warm: Warm[]
  /** What the last viewer requested: most viewers of a router request the same. */
  media: readonly ViewerMedia[]
  /** The next refill or, after it, the end of the waiting. */
  timer: NodeJS.Timeout | undefined
  readonly onRouterClose: () => void
}

/**
 * Creates transports with their consumers ahead of time, so that a POST only
 * has to connect one. Only for workers whose viewers share a port: elsewhere
 * a waiting transport would hold a port of the pool, and announce the
 * addresses of its creation. The first viewer of a router creates its own; a
 * stream without viewers soon has none.
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
  async take(
    egress: EgressRouter,
    media: readonly ViewerMedia[],
    signal: AbortSignal,
  ): Promise<ViewerStart> {
    const { create } = this.#options
    const { worker } = egress
    // A frozen worker must not be sent further requests.
    const keepsWarm = worker.viewerServer !== undefined && worker.responsive
    if (!keepsWarm || this.#closing.signal.aborted) {
      return { transport: await create(egress, signal) }
    }
    const shelf = this.#shelves.get(egress) ?? this.#addShelf(egress, media)
    shelf.media = media
    clearTimeout(shelf.timer)
    shelf.timer = this.#after(REFILL_DELAY_MS, () => {
      void this.#refill(egress, shelf)
    })
    return takeWarm(shelf) ?? { transport: await create(egress, signal) }
  }

  /** Closes the waiting transports. Idempotent. */
  close(): void {
    this.#closing.abort()
    for (const egress of this.#shelves.keys()) this.#drop(egress)
  }

  #addShelf(egress: EgressRouter, media: readonly ViewerMedia[]): Shelf {
    const onRouterClose = () => {
      this.#drop(egress)
    }
    const shelf: Shelf = { warm: [], media, timer: undefined, onRouterClose }
    this.#shelves.set(egress, shelf)
    // Also emitted if its worker dies.
    egress.router.observer.once('close', onRouterClose)
    return shelf
  }

  /** One after another, as requests of viewers have precedence. */
  async #refill(egress: EgressRouter, shelf: Shelf): Promise<void> {
    const { idleMs } = this.#options
    const { timer } = shelf
    // A viewer that comes meanwhile starts the delay again.
    while (shelf.warm.length < MAX_WARM && shelf.timer === timer) {
      try {
        const warm = await this.#prepare(egress, shelf.media)
        const isOpen = this.#shelves.get(egress) === shelf
        // Two refills overlap while the worker is slow.
        if (isOpen && shelf.warm.length < MAX_WARM) shelf.warm.push(warm)
        else warm.transport.close()
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

  /** @throws {EngineError} */
  async #prepare(
    egress: EgressRouter,
    media: readonly ViewerMedia[],
  ): Promise<Warm> {
    const signal = AbortSignal.any([
      this.#closing.signal,
      AbortSignal.timeout(CREATE_TIMEOUT_MS),
    ])
    const transport = await this.#options.create(egress, signal)
    try {
      const sent = await withAbort(
        'prepare a transport',
        sendAll(transport.made, egress, media),
        signal,
        () => undefined,
      )
      return { transport, sent, key: keyOf(media) }
    } catch (error) {
      transport.close()
      throw error
    }
  }

  #drop(egress: EgressRouter): void {
    const shelf = this.#shelves.get(egress)
    if (shelf === undefined) return
    this.#shelves.delete(egress)
    egress.router.observer.off('close', shelf.onRouterClose)
    clearTimeout(shelf.timer)
    for (const { transport } of shelf.warm.splice(0)) transport.close()
  }

  #after(ms: number, run: () => void): NodeJS.Timeout {
    return setTimeout(run, ms).unref()
  }
}

/** Prefers a transport that sends what the last viewer requested. */
function takeWarm({ warm, media }: Shelf): ViewerStart | undefined {
  const key = keyOf(media)
  const fits = (each: Warm) =>
    each.key === key && each.sent.every(({ consumer }) => !consumer.closed)
  const index = warm.findIndex(fits)
  const [taken] = warm.splice(Math.max(index, 0), 1)
  if (taken === undefined || index >= 0) return taken
  for (const { consumer } of taken.sent) consumer.close()
  return { transport: taken.transport }
}

function keyOf(media: readonly ViewerMedia[]): string {
  return JSON.stringify(media)
}
