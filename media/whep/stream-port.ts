/**
 * The interfaces that WHEP needs: a stream, and the transport of one viewer.
 * stream/ implements them on mediasoup, of which whep/ only uses types.
 */
import type {
  DtlsParameters,
  IceCandidate,
  IceParameters,
  MediaKind,
  RtpHeaderExtensionParameters,
  RtpParameters,
} from 'mediasoup/types'
import type { StreamId } from '../../shared/protocol/ids.ts'

export type { MediaKind }

/** Codecs that viewers can get. */
export type VideoCodec = 'h264' | 'vp8'
export type AudioCodec = 'opus'

/** The codec of each kind that a stream has. */
export interface StreamCodecs {
  readonly video?: VideoCodec
  readonly audio?: AudioCodec
}

/** One codec of the offer, with the offer's payload types. */
export interface OfferedCodec {
  readonly payloadType: number
  /** The rtx payload type whose apt is `payloadType`, if offered. */
  readonly rtxPayloadType?: number
  /** The `a=rtcp-fb` entries for this payload type. */
  readonly rtcpFeedback: readonly { type: string; parameter?: string }[]
}

/** What a viewer receives of one kind. */
export interface ViewerMedia {
  readonly kind: MediaKind
  readonly codec: OfferedCodec
  /** mid of the media section; at most 8 bytes if the MID extension is on. */
  readonly mid: string
  readonly headerExtensions: readonly RtpHeaderExtensionParameters[]
}

export interface ViewerRequest {
  /** One entry per accepted kind, in the order of the offer. */
  readonly media: readonly ViewerMedia[]
  /** The viewer's fingerprints and its DTLS role. */
  readonly dtlsParameters: DtlsParameters
}

/** State of a viewer's transport, as far as a session distinguishes it. */
export type ViewerState =
  /** No STUN request yet. */
  | 'new'
  /** ICE is up, DTLS is not (yet). */
  | 'checking'
  /** ICE and DTLS are up: media flows. */
  | 'connected'
  /** Was connected, but ICE consent expired. May become connected again. */
  | 'disconnected'
  /** DTLS failed; final. */
  | 'dtls-failed'
  /** The viewer sent a DTLS close_notify; final. */
  | 'dtls-closed'
  /** The worker died; final. */
  | 'worker-died'
  /** The stream was stopped or removed; final. */
  | 'stream-ended'

/** One viewer's transport and its consumers. */
export interface ViewerTransport {
  readonly iceParameters: IceParameters
  /** UDP before TCP; one host candidate per announced address. */
  readonly iceCandidates: readonly IceCandidate[]
  readonly dtlsParameters: DtlsParameters
  /** The media actually sent, in the form of `request.media`. */
  readonly sent: readonly {
    readonly kind: MediaKind
    readonly mid: string
    readonly rtpParameters: RtpParameters
  }[]
  readonly state: ViewerState
  /** IP address of the viewer once ICE has selected one. Admin API only. */
  readonly remoteAddress: string | undefined
  /**
   * Calls `listener` at each change of `state`, synchronously; at most one
   * listener. After `close()` it is not called again.
   */
  onState(listener: (state: ViewerState) => void): void
  /** @throws {StreamError} `worker` if the worker fails, `deadline` */
  restartIce(signal: AbortSignal): Promise<IceParameters>
  /** Releases ports and consumers. Idempotent. */
  close(): void
}

export type StreamErrorCode =
  /** The UDP (or TCP) port pool is empty. HTTP: 503, scope ports. */
  | 'ports'
  /** The viewers already use the maximum of payload-type maps. HTTP: 503. */
  | 'layouts'
  /** The worker died, failed or is being replaced. HTTP: 503. */
  | 'worker'
  /** The signal was aborted before the worker responded. HTTP: 504. */
  | 'deadline'
  /** No RTP has arrived yet, or the stream was stopped. HTTP: 409. */
  | 'not-live'
  /** It runs on demand, and could not start; `message` says why. HTTP: 409. */
  | 'not-started'

/** Why a stream cannot serve a viewer. */
export class StreamError extends Error {
  override readonly name = 'StreamError'
  readonly code: StreamErrorCode

  constructor(code: StreamErrorCode, message: string, options?: ErrorOptions) {
    super(message, options)
    this.code = code
  }
}

/** Starts a stream when the first viewer comes. */
export interface ViewerDemand {
  /** Whether the stream is stopped, or being stopped, because it has no viewers. */
  readonly asleep: boolean
  /**
   * Starts the stream unless it runs, and waits until `kinds` have RTP.
   * @returns once a viewer can be opened; the stream runs at least until the
   *   release
   * @throws {StreamError} `not-started`; `deadline` on abort
   */
  hold(kinds: readonly MediaKind[], signal: AbortSignal): Promise<Hold>
}

/** Keeps a stream running that runs on demand. */
export interface Hold {
  /** Idempotent. */
  release(): void
}

/** A registered stream, as WHEP sees it. */
export interface ViewerStream {
  readonly id: StreamId
  /** The codecs of its configuration, also before it is live. */
  readonly codecs: StreamCodecs
  /** Whether RTP has arrived since its start; if not, POST answers 409. */
  readonly live: boolean
  /** Only of a stream that runs on demand: POST waits until it is live. */
  readonly demand?: ViewerDemand | undefined
  /** Whether FFmpeg has ended for good; POST answers 409. Default: false. */
  readonly over?: boolean
  /**
   * Creates a transport that sends the requested kinds under the offer's
   * payload types. If it throws, everything it created is closed and its
   * ports are released, also if the worker responds after the abort.
   * @throws {StreamError}
   */
  openViewer(
    request: ViewerRequest,
    signal: AbortSignal,
  ): Promise<ViewerTransport>
}

/** The registered streams, as WHEP sees them. */
export interface ViewerStreams {
  /** undefined: no such stream, 404. */
  find(id: string): ViewerStream | undefined
}
