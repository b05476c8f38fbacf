import type {
  MediaKind,
  PipeTransport,
  Router,
  RtpCodecCapability,
} from 'mediasoup/types'

import type { BoundTransport } from '../engine/bound-transport.ts'
import { withAbort } from '../engine/with-abort.ts'
import type { MediaWorker } from '../engine/media-worker.ts'
import type { PortPool } from '../engine/port-pool.ts'
import { LOOPBACK, localRtp } from '../engine/local-rtp.ts'
import { routerCodecs, type Layout } from './layout.ts'
import type { StreamCodecs } from '../whep/stream-port.ts'

/** A router that has a stream under the payload types of one layout. */
export interface Feed {
  readonly worker: MediaWorker
  readonly router: Router
  /** The router's: kept, since mediasoup copies all of them at each look. */
  readonly codecs: readonly RtpCodecCapability[]
  readonly layout: Layout
  /** Ids of the producers that viewers consume. */
  readonly producers: ReadonlyMap<MediaKind, string>
  /** Closes all in it. Idempotent. */
  close(): void
}

export interface PipeOptions {
  /** Where the stream comes from. */
  readonly source: Feed
  readonly worker: MediaWorker
  readonly layout: Layout
  readonly codecs: StreamCodecs
  readonly udpPorts: PortPool
  readonly signal: AbortSignal
}

/**
 * Makes a router in `worker` and pipes the kinds of `layout` into it, over
 * two ports of the pool. (mediasoup's own `pipeToRouter` gives both ends the
 * same port, so it cannot be used with ports of ours.)
 * @throws {EngineError}
 */
export async function openPipedFeed(options: PipeOptions): Promise<Feed> {
  const { source, worker, layout, codecs, signal } = options
  const undo: (() => void)[] = []
  const close = () => {
    for (const step of undo.splice(0).reverse()) step()
  }
  try {
    const router = await worker.createRouter(
      routerCodecs(codecs, layout),
      signal,
    )
    undo.push(() => {
      router.close()
    })
    // One after the other, so that each is undone by itself.
    const near = await openPipe(source, options)
    undo.push(() => {
      near.close()
    })
    const far = await openPipe({ worker, router }, options)
    undo.push(() => {
      far.close()
    })
    const kinds = (['video', 'audio'] as const).filter(kind => layout[kind])
    const [, , ...producers] = await withAbort(
      'pipe a stream',
      Promise.all([
        near.made.connect(localEnd(far.made)),
        far.made.connect(localEnd(near.made)),
        ...kinds.map(kind => pipeKind(kind, source, near.made, far.made)),
      ]),
      signal,
      () => undefined,
    )
    return {
      worker,
      router,
      codecs: codecsOf(router),
      layout,
      producers: new Map(producers),
      close,
    }
  } catch (error) {
    close()
    throw error
  }
}

/** What a router can send, under its payload types. */
export function codecsOf(router: Router): readonly RtpCodecCapability[] {
  return router.rtpCapabilities.codecs ?? []
}

function openPipe(
  end: Pick<Feed, 'worker' | 'router'>,
  { udpPorts, signal }: PipeOptions,
): Promise<BoundTransport<PipeTransport>> {
  return end.worker.bindWithPorts({
    action: 'open a pipe',
    demands: [{ pool: udpPorts, count: 1 }],
    make: ([port = 0]) =>
      end.router.createPipeTransport({
        listenInfo: localRtp(port),
      }),
    signal,
  })
}

function localEnd({ tuple }: PipeTransport) {
  return { ip: LOOPBACK, port: tuple.localPort }
}

async function pipeKind(
  kind: MediaKind,
  source: Feed,
  near: PipeTransport,
  far: PipeTransport,
): Promise<readonly [MediaKind, string]> {
  const producerId = source.producers.get(kind) ?? ''
  const { rtpParameters } = await near.consume({ producerId })
  // With an id of its own: in one worker the producer's is taken.
  const producer = await far.produce({ kind, rtpParameters })
  return [kind, producer.id]
}
