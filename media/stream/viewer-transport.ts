import type {
  Consumer,
  DtlsState,
  IceState,
  RtpCapabilities,
  WebRtcTransport,
} from 'mediasoup/types'

import type { BoundTransport } from '../engine/bound-transport.ts'
import { withAbort } from '../engine/with-abort.ts'
import type { PortPool } from '../engine/port-pool.ts'
import { allCandidates, listenInfo, type Endpoint } from './endpoints.ts'
import type { EgressRouter } from './egress-router.ts'
import { toStreamError } from './stream-error.ts'
import type {
  ViewerMedia,
  ViewerRequest,
  ViewerState,
  ViewerTransport,
} from '../whep/stream-port.ts'

export interface CreateTransportOptions {
  readonly egress: EgressRouter
  readonly sockets: readonly Endpoint[]
  readonly udpPorts: PortPool
  /** undefined: no ICE over TCP. */
  readonly tcpPorts: PortPool | undefined
  /** 0: a viewer without ICE consent is kept. */
  readonly iceConsentTimeoutS: number
  readonly signal: AbortSignal
}

/**
 * Creates a transport in the egress router, on the port that viewers share or
 * on ports of the pool.
 * @throws {EngineError}
 */
export function createTransport({
  egress,
  sockets,
  udpPorts,
  tcpPorts,
  iceConsentTimeoutS,
  signal,
}: CreateTransportOptions): Promise<BoundTransport<WebRtcTransport>> {
  const action = 'open a viewer'
  const { viewerServer } = egress.worker
  if (viewerServer !== undefined) {
    return egress.worker.bindWithPorts({
      action,
      demands: [],
      make: () =>
        egress.router.createWebRtcTransport({
          webRtcServer: viewerServer,
          // A server without TCP ports makes no TCP candidates.
          enableTcp: true,
          iceConsentTimeout: iceConsentTimeoutS,
        }),
      signal,
    })
  }
  const count = sockets.length
  return egress.worker.bindWithPorts({
    action,
    demands: [
      { pool: udpPorts, count },
      ...(tcpPorts ? [{ pool: tcpPorts, count }] : []),
    ],
    make: ports =>
      egress.router.createWebRtcTransport({
        // mediasoup gives priorities in this order.
        listenInfos: ports.flatMap((port, index) => {
          const socket = sockets[index % count]
          const protocol = index < count ? 'udp' : 'tcp'
          return socket ? [listenInfo(protocol, socket, port)] : []
        }),
        enableTcp: tcpPorts !== undefined,
        iceConsentTimeout: iceConsentTimeoutS,
      }),
    signal,
  })
}

/** A transport for a viewer. */
export interface ViewerStart {
  readonly transport: BoundTransport<WebRtcTransport>
  /** What it sends as soon as it is connected; undefined: nothing yet. */
  readonly sent?: readonly SentMedia[]
}

type Sent = ViewerTransport['sent'][number]

/** One kind that a transport sends. */
export interface SentMedia extends Sent {
  readonly consumer: Consumer
}

export interface OpenViewerOptions {
  readonly egress: EgressRouter
  readonly request: ViewerRequest
  /** As of now: a shared port was bound when others may have been announced. */
  readonly sockets: readonly Endpoint[]
  readonly signal: AbortSignal
}

/**
 * Sends the requested media over a transport of the egress router, which is
 * closed on failure.
 * @throws {EngineError}
 */
export async function openViewerTransport(
  { transport, sent: prepared }: ViewerStart,
  options: OpenViewerOptions,
): Promise<ViewerHandle> {
  const { egress, request, signal } = options
  const { dtlsParameters, media } = request
  try {
    const [, sent] = await withAbort(
      'connect a viewer',
      Promise.all([
        transport.made.connect({ dtlsParameters }),
        prepared ?? sendAll(transport.made, egress, media),
      ]),
      signal,
      () => undefined,
    )
    return new ViewerHandle(transport, sent, options)
  } catch (error) {
    transport.close()
    throw error
  }
}

/**
 * Sends `media`, in its order. Before a viewer is connected, the worker sends
 * no packets and requests no key frames.
 */
export function sendAll(
  transport: WebRtcTransport,
  egress: EgressRouter,
  media: ViewerRequest['media'],
): Promise<readonly SentMedia[]> {
  return Promise.all(media.map(each => send(transport, egress, each)))
}

async function send(
  transport: WebRtcTransport,
  egress: EgressRouter,
  media: ViewerMedia,
): Promise<SentMedia> {
  const { kind, mid } = media
  const consumer = await transport.consume({
    producerId: egress.producers.get(kind) ?? '',
    rtpCapabilities: capabilitiesOf(egress, media),
    // Also enables NACK, which works without rtx too.
    enableRtx: true,
    mid,
  })
  // mediasoup clones the parameters on each read.
  return { kind, mid, rtpParameters: consumer.rtpParameters, consumer }
}

/** The capabilities of the offer, in mediasoup's terms. */
function capabilitiesOf(
  egress: EgressRouter,
  media: ViewerMedia,
): RtpCapabilities {
  const { kind, codec, headerExtensions } = media
  const main = egress.codecs.find(
    ({ preferredPayloadType }) => preferredPayloadType === codec.payloadType,
  )
  const rtx = egress.codecs.find(
    ({ mimeType, parameters }) =>
      mimeType === 'video/rtx' && parameters?.['apt'] === codec.payloadType,
  )
  const keepsRtx =
    codec.rtxPayloadType !== undefined &&
    rtx?.preferredPayloadType === codec.rtxPayloadType
  const rtcpFeedback = (main?.rtcpFeedback ?? []).filter(ours =>
    codec.rtcpFeedback.some(
      ({ type, parameter = '' }) =>
        type === ours.type && parameter === (ours.parameter ?? ''),
    ),
  )
  return {
    codecs: [
      // The router's parameters: the offer was matched against the variants
      // of the codec when it was read.
      ...(main ? [{ ...main, rtcpFeedback }] : []),
      ...(keepsRtx ? [rtx] : []),
    ],
    headerExtensions: headerExtensions.map(({ uri, id }) => ({
      kind,
      uri,
      preferredId: id,
    })),
  }
}

/** A viewer's transport: WHEP uses and closes it, its stream may end it. */
export class ViewerHandle implements ViewerTransport {
  readonly sent: ViewerTransport['sent']
  readonly iceCandidates: ViewerTransport['iceCandidates']
  readonly #transport: BoundTransport<WebRtcTransport>
  #onClosed: (() => void) | undefined
  #state: ViewerState
  #listener: ((state: ViewerState) => void) | undefined
  #wasConnected = false
  #closed = false

  constructor(
    transport: BoundTransport<WebRtcTransport>,
    sent: ViewerTransport['sent'],
    { sockets, egress }: OpenViewerOptions,
  ) {
    const { made } = transport
    this.sent = sent
    this.iceCandidates = allCandidates(made.iceCandidates, sockets)
    this.#transport = transport
    this.#state = 'new'
    const update = () => {
      this.#update(made.iceState, made.dtlsState)
    }
    made.on('icestatechange', update)
    made.on('dtlsstatechange', update)
    made.on('routerclose', () => {
      // Our own shutdown closes workers too, which is no failure.
      this.end(egress.worker.died ? 'worker-died' : 'stream-ended')
    })
    update()
    if (made.closed)
      this.end(egress.worker.died ? 'worker-died' : 'stream-ended')
  }

  get iceParameters() {
    return this.#transport.made.iceParameters
  }

  get dtlsParameters() {
    return this.#transport.made.dtlsParameters
  }

  get state(): ViewerState {
    return this.#state
  }

  get remoteAddress(): string | undefined {
    return this.#transport.made.iceSelectedTuple?.remoteIp
  }

  onState(listener: (state: ViewerState) => void): void {
    this.#listener = listener
  }

  /** Calls `listener` once it is closed; at once if it already is. */
  onClosed(listener: () => void): void {
    this.#onClosed = listener
    if (this.#closed) listener()
  }

  async restartIce(signal: AbortSignal) {
    try {
      return await withAbort(
        'restart ICE',
        this.#transport.made.restartIce(),
        signal,
        () => undefined,
      )
    } catch (error) {
      throw toStreamError(error)
    }
  }

  /** Reports that its stream or worker has ended, and closes it. */
  end(state: 'worker-died' | 'stream-ended'): void {
    this.#enter(state)
    this.close()
  }

  close(): void {
    if (this.#closed) return
    this.#closed = true
    this.#listener = undefined
    this.#transport.close()
    this.#onClosed?.()
  }

  #update(ice: IceState, dtls: DtlsState): void {
    if (dtls === 'failed') this.#enter('dtls-failed')
    else if (dtls === 'closed') this.#enter('dtls-closed')
    else if (ice === 'new') this.#enter('new')
    else if (ice === 'disconnected' && this.#wasConnected) {
      this.#enter('disconnected')
    } else if (dtls === 'connected' && ice !== 'disconnected') {
      this.#wasConnected = true
      this.#enter('connected')
    } else this.#enter('checking')
  }

  #enter(state: ViewerState): void {
    if (state === this.#state || isFinal(this.#state)) return
    this.#state = state
    this.#listener?.(state)
  }
}

function isFinal(state: ViewerState): boolean {
  switch (state) {
    case 'dtls-failed':
    case 'dtls-closed':
    case 'worker-died':
    case 'stream-ended':
      return true
    case 'new':
    case 'checking':
    case 'connected':
    case 'disconnected':
      return false
  }
}
