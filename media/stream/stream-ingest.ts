import type { AcquiredWorker, Engine } from '../engine/engine.ts'
import { EngineError } from '../engine/engine-error.ts'
import type { MediaWorker } from '../engine/media-worker.ts'
import { withAbort } from '../engine/with-abort.ts'
import type { LegMonitor } from '../ingest/leg-monitor.ts'
import type { LegSet } from '../ingest/leg.ts'
import {
  codecsOf,
  openPipedRouter,
  type EgressRouter,
} from './egress-router.ts'
import { EgressRouters } from './egress-routers.ts'
import { ingestMap, routerCodecs } from './payload-type-map.ts'
import type { StreamSettings } from './stream-settings.ts'
import type { StreamCodecs } from '../whep/stream-port.ts'
import { Viewers } from './viewers.ts'

/** A stream in a worker: its router, its legs and its viewers. */
export interface StreamIngest {
  readonly worker: MediaWorker
  readonly viewers: Viewers
  /** Ends the viewers, then closes legs and router. Idempotent. */
  close(): void
}

export interface StreamIngestOptions {
  readonly engine: Engine
  readonly settings: StreamSettings
  readonly codecs: StreamCodecs
  readonly legs: LegSet
  /** Counts the packets of the legs until the ingest is closed. */
  readonly monitor: LegMonitor
  readonly signal: AbortSignal
  /** Called if the worker ends: it died, or our shutdown has closed it. */
  readonly onLost: (died: boolean) => void
}

/** Limit of piped routers per stream, and so of payload type maps in use. */
const MAX_PIPED_ROUTERS = 32
const PIPE_TIMEOUT_MS = 5_000

/**
 * Opens the router and the legs in the least loaded worker, and in another
 * one if that worker dies meanwhile.
 * @throws {EngineError} everything it opened is closed
 */
export async function openIngest(
  options: StreamIngestOptions,
): Promise<StreamIngest> {
  const { engine, signal } = options
  for (;;) {
    const acquired = await engine.acquire(signal)
    try {
      return await openIn(acquired, options)
    } catch (error) {
      if (!acquired.worker.died || signal.aborted) throw error
    }
  }
}

async function openIn(
  { worker, release }: AcquiredWorker,
  options: StreamIngestOptions,
): Promise<StreamIngest> {
  const { codecs, monitor, signal, onLost } = options
  const undo = [release]
  const close = () => {
    for (const step of undo.splice(0).reverse()) step()
  }
  try {
    const map = ingestMap(codecs)
    const router = await worker.createRouter(routerCodecs(codecs, map), signal)
    undo.push(() => {
      router.close()
    })
    const legs = await options.legs.open(worker, router, signal)
    for (const leg of legs) {
      undo.push(() => {
        leg.close()
      })
    }
    undo.push(() => {
      monitor.detach()
    })
    await withAbort(
      'watch the legs',
      monitor.attach(legs),
      signal,
      () => undefined,
    )
    const ingest: EgressRouter = {
      worker,
      router,
      codecs: codecsOf(router),
      map,
      producers: new Map(
        legs.map(({ plan, producer }) => [plan.kind, producer.id]),
      ),
    }
    const egress = egressOf(ingest, options)
    const { engine, settings } = options
    const viewers = new Viewers({ engine, settings, worker, egress })
    const lost = () => {
      onLost(worker.died)
    }
    router.once('workerclose', lost)
    if (router.closed) {
      throw new EngineError('worker', 'Cannot open a stream: its worker died')
    }
    undo.push(() => {
      router.off('workerclose', lost)
      viewers.close(worker.died ? 'worker-died' : 'stream-ended')
      egress.close()
    })
    return { worker, viewers, close }
  } catch (error) {
    close()
    throw error
  }
}

function egressOf(
  ingest: EgressRouter,
  { engine, settings, codecs }: StreamIngestOptions,
): EgressRouters {
  return new EgressRouters({
    ingest,
    openPiped: (worker, map) =>
      openPipedRouter({
        from: ingest,
        worker,
        map,
        codecs,
        udpPorts: engine.udpPorts,
        signal: AbortSignal.timeout(PIPE_TIMEOUT_MS),
      }),
    idleMs: settings.limits.egressIdleMs,
    max: MAX_PIPED_ROUTERS,
  })
}
