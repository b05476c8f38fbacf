/**
 * What WHEP needs of a stream and of one viewer's transport. `LiveStream`
 * gives it on mediasoup; WHEP never touches mediasoup itself.
 */
import type {
  DtlsParameters,
  IceCandidate,
  IceParameters,
  MediaKind,
  RtpHeaderExtensionParameters,
  RtpParameters,
} from 'mediasoup/types'
import type { StreamId } from '../../shared/ids.ts'

export type { MediaKind }

/** What a leg carries to viewers. */
export type VideoCodec = 'h264' | 'vp8'
export type AudioCodec = 'opus'

/** The codecs of a stream's kinds; a kind it lacks is absent. */
export interface StreamCodecs {
  readonly video?: VideoCodec
  readonly audio?: AudioCodec
}

/** Payload types of one kind as the offer numbers them. */
export interface OfferedCodec {
  readonly payloadType: number
  /** The rtx payload type whose apt is `payloadType`, where offered. */
  readonly rtxPayloadType?: number
  /** `type parameter` pairs the offer lists for this payload type. */
  readonly rtcpFeedback: readonly { type: string; parameter?: string }[]
  /** The offered fmtp parameters, as sdp-transform parses them. */
  readonly parameters: Readonly<Record<string, string | number>>
}

/** What of one kind a viewer takes. */
export interface ViewerMedia {
  readonly kind: MediaKind
  readonly codec: OfferedCodec
  /** mid of the media section, at most 8 bytes where the MID extension is on. */
  readonly mid: string
  readonly headerExtensions: readonly RtpHeaderExtensionParameters[]
}

export interface ViewerRequest {
  /** One entry for each accepted kind, in the order of the offer. */
  readonly media: readonly ViewerMedia[]
  /** The viewer's fingerprints and the role it takes. */
  readonly dtlsParameters: DtlsParameters
}

/** Where a viewer's transport stands, as the session must know it. */
export type ViewerState =
  /** No STUN yet. */
  | 'new'
  /** ICE is up, DTLS is not (yet). */
  | 'checking'
  /** ICE and DTLS are up: media flows. */
  | 'connected'
  /** Was connected; consent is lost. May become connected again. */
  | 'disconnected'
  /** DTLS failed, for good. */
  | 'dtls-failed'
  /** The viewer said goodbye by DTLS close_notify. */
  | 'dtls-closed'
  /** The worker died, or its stream was stopped or removed. */
  | 'worker-died'
  | 'stream-ended'

/** One viewer's transport and its consumers. */
export interface ViewerTransport {
  readonly iceParameters: IceParameters
  /** UDP before TCP; a host candidate per announced address. */
  readonly iceCandidates: readonly IceCandidate[]
  readonly dtlsParameters: DtlsParameters
  /** What is really sent, under the offer's numbers; as in `request.media`. */
  readonly sent: readonly {
    readonly kind: MediaKind
    readonly mid: string
    readonly rtpParameters: RtpParameters
  }[]
  readonly state: ViewerState
  /** IP address of the viewer, once ICE has one. For the admin API only. */
  readonly remoteAddress: string | undefined
  /**
   * Calls `listener` at each change of `state`, synchronously; at most one
   * listener. After `close()` there are no more calls.
   */
  onState(listener: (state: ViewerState) => void): void
  /** @throws {StreamError} `worker` when the worker does not do it */
  restartIce(signal: AbortSignal): Promise<IceParameters>
  /** Gives back ports and consumers. Idempotent. */
  close(): void
}

export type StreamErrorCode =
  /** The UDP (or TCP) port pool is empty. HTTP: 503, scope ports. */
  | 'ports'
  /** Viewers use as many payload-type layouts as there may be. HTTP: 503. */
  | 'layouts'
  /** The worker died, refused or is being replaced. HTTP: 503. */
  | 'worker'
  /** The signal was aborted before the worker answered. HTTP: 504. */
  | 'deadline'
  /** No RTP has arrived yet, or the stream was stopped. HTTP: 409. */
  | 'not-live'

export class StreamError extends Error {
  override readonly name = 'StreamError'
  readonly code: StreamErrorCode

  constructor(code: StreamErrorCode, message: string, options?: ErrorOptions) {
    super(message, options)
    this.code = code
  }
}

/** A registered stream, as WHEP sees it. */
export interface ViewerStream {
  readonly id: StreamId
  /** What it carries (or will): known from its configuration. */
  readonly codecs: StreamCodecs
  /** Whether RTP has arrived since it was started: else POST answers 409. */
  readonly live: boolean
  /** Whether its FFmpeg has ended and is not started again; never if absent. */
  readonly over?: boolean
  /**
   * Makes a transport that sends the asked kinds under the offer's payload
   * types. What was half made is closed, and its ports given back, whenever
   * it throws, also when the worker answers after the signal.
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
