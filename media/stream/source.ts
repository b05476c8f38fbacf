import type { AcquiredWorker, Engine } from '../engine/engine.ts'
import { EngineError } from '../engine/engine-error.ts'
import type { MediaWorker } from '../engine/media-worker.ts'
import type { Leg, LegSet } from '../ingest/leg.ts'
import { codecsOf, openPipedFeed, type Feed } from './feed.ts'
import { Feeds } from './feeds.ts'
import { ownLayout, routerCodecs } from './layout.ts'
import type { StreamCodecs } from '../whep/stream-port.ts'

/** A stream's legs in a worker, and what feeds its viewers from there. */
export interface Source {
  readonly worker: MediaWorker
  readonly legs: readonly Leg[]
  readonly feeds: Feeds
  /** Idempotent. */
  close(): void
}

export interface SourceOptions {
  readonly engine: Engine
  readonly codecs: StreamCodecs
  readonly legs: LegSet
  readonly feedIdleMs: number
  readonly signal: AbortSignal
  /** Its worker is gone: died, or was closed by our own shutdown. */
  readonly onLost: () => void
}

/** Most payload-type layouts of a stream's viewers at once. */
const MOST_LAYOUTS = 32
/** A pipe that takes longer is given up. */
const PIPE_TIME_LIMIT_MS = 5_000

/**
 * Makes the stream's own router and its legs in the least loaded worker; in
 * another where that one dies meanwhile.
 * @throws {EngineError} what was half made is closed
 */
export async function openSource(options: SourceOptions): Promise<Source> {
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
  { engine, codecs, legs: legSet, feedIdleMs, signal, onLost }: SourceOptions,
): Promise<Source> {
  const undo = [release]
  const close = () => {
    for (const step of undo.splice(0).reverse()) step()
  }
  try {
    const layout = ownLayout(codecs)
    const router = await worker.createRouter(
      routerCodecs(codecs, layout),
      signal,
    )
    undo.push(() => {
      router.close()
    })
    const legs = await legSet.open(worker, router, signal)
    for (const leg of legs) {
      undo.push(() => {
        leg.close()
      })
    }
    const producers = new Map(
      legs.map(({ plan, producer }) => [plan.kind, producer.id]),
    )
    const own: Feed = {
      worker,
      router,
      codecs: codecsOf(router),
      layout,
      producers,
      close,
    }
    const feeds = new Feeds({
      own,
      openPiped: (pipedTo, pipedLayout) =>
        openPipedFeed({
          source: own,
          worker: pipedTo,
          layout: pipedLayout,
          codecs,
          udpPorts: engine.udpPorts,
          signal: AbortSignal.timeout(PIPE_TIME_LIMIT_MS),
        }),
      idleMs: feedIdleMs,
      most: MOST_LAYOUTS,
    })
    undo.push(() => {
      feeds.close()
    })
    router.once('workerclose', onLost)
    if (router.closed)
      throw new EngineError('worker', 'Cannot open a stream: its worker died')
    return { worker, legs, feeds, close }
  } catch (error) {
    close()
    throw error
  }
}
