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
import { routerCodecs, type PayloadTypeMap } from './payload-type-map.ts'
import type { StreamCodecs } from '../whep/stream-port.ts'

/** A router that sends a stream to viewers under one payload type map. */
export interface EgressRouter {
  readonly worker: MediaWorker
  readonly router: Router
  /** The router's codecs, cached: mediasoup clones all of them on each read. */
  readonly codecs: readonly RtpCodecCapability[]
  readonly map: PayloadTypeMap
  /** Ids of the producers that viewers consume. */
  readonly producers: ReadonlyMap<MediaKind, string>
}

/** An egress router that gets the stream over a pipe from the ingest router. */
export interface PipedRouter extends EgressRouter {
  /** Closes the router and its pipe. Idempotent. */
  close(): void
}

export interface PipeOptions {
  /** The ingest router. */
  readonly from: EgressRouter
  readonly worker: MediaWorker
  readonly map: PayloadTypeMap
  readonly codecs: StreamCodecs
  readonly udpPorts: PortPool
  readonly signal: AbortSignal
}

/**
 * Creates a router in `worker` and pipes the kinds of `map` into it, over two
 * ports of the pool. (mediasoup's own `pipeToRouter` gives both ends the same
 * port, so it cannot be used with ports of ours.)
 * @throws {EngineError}
 */
export async function openPipedRouter(
  options: PipeOptions,
): Promise<PipedRouter> {
  const { from, worker, map, codecs, signal } = options
  const undo: (() => void)[] = []
  const close = () => {
    for (const step of undo.splice(0).reverse()) step()
  }
  try {
    const router = await worker.createRouter(routerCodecs(codecs, map), signal)
    undo.push(() => {
      router.close()
    })
    // In sequence, so that each has its undo before the next can fail.
    const near = await openPipeEnd(from, options)
    undo.push(() => {
      near.close()
    })
    const far = await openPipeEnd({ worker, router }, options)
    undo.push(() => {
      far.close()
    })
    const kinds = (['video', 'audio'] as const).filter(kind => map[kind])
    const [, , ...producers] = await withAbort(
      'pipe a stream',
      Promise.all([
        near.made.connect(addressOf(far.made)),
        far.made.connect(addressOf(near.made)),
        ...kinds.map(kind => pipeKind(kind, from, near.made, far.made)),
      ]),
      signal,
      () => undefined,
    )
    return {
      worker,
      router,
      codecs: codecsOf(router),
      map,
      producers: new Map(producers),
      close,
    }
  } catch (error) {
    close()
    throw error
  }
}

/** The codecs that a router sends, with its payload types. */
export function codecsOf(router: Router): readonly RtpCodecCapability[] {
  return router.rtpCapabilities.codecs ?? []
}

function openPipeEnd(
  { worker, router }: Pick<EgressRouter, 'worker' | 'router'>,
  { udpPorts, signal }: PipeOptions,
): Promise<BoundTransport<PipeTransport>> {
  return worker.bindWithPorts({
    action: 'open a pipe',
    demands: [{ pool: udpPorts, count: 1 }],
    make: ([port = 0]) =>
      router.createPipeTransport({ listenInfo: localRtp(port) }),
    signal,
  })
}

function addressOf({ tuple }: PipeTransport) {
  return { ip: LOOPBACK, port: tuple.localPort }
}

async function pipeKind(
  kind: MediaKind,
  from: EgressRouter,
  near: PipeTransport,
  far: PipeTransport,
): Promise<readonly [MediaKind, string]> {
  const producerId = from.producers.get(kind) ?? ''
  const { rtpParameters } = await near.consume({ producerId })
  // With a new id: within one worker the producer's own is taken.
  const producer = await far.produce({ kind, rtpParameters })
  return [kind, producer.id]
}
