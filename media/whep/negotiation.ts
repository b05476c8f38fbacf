import type { RtpHeaderExtensionUri } from 'mediasoup/types'
import { chooseCodec, type ChosenCodec } from './codec-choice.ts'
import {
  readTransport,
  type Offer,
  type OfferSection,
  type OfferTransport,
} from './offer.ts'
import { SdpError } from './sdp.ts'
import type {
  AudioCodec,
  MediaKind,
  StreamCodecs,
  VideoCodec,
  ViewerMedia,
  ViewerRequest,
} from './stream-port.ts'

/** How one offered section is answered. */
export type SectionPlan =
  | { readonly at: 'rejected'; readonly section: OfferSection }
  | {
      readonly at: 'accepted'
      readonly section: OfferSection
      readonly codec: ChosenCodec
      readonly media: ViewerMedia
    }

export type AcceptedSection = Extract<SectionPlan, { at: 'accepted' }>

export interface Negotiated {
  readonly at: 'negotiated'
  /** One per offered section, in the order of the offer. */
  readonly plans: readonly SectionPlan[]
  /** The accepted sections of the BUNDLE group; undefined: no group. */
  readonly bundle: readonly AcceptedSection[] | undefined
  /** The section whose transport all sections use: the first of the group. */
  readonly tagged: AcceptedSection
  readonly transport: OfferTransport
  readonly request: ViewerRequest
}

/** The kinds without a common codec, in the order of the offer; at least one. */
export interface Mismatch {
  readonly at: 'mismatch'
  readonly kinds: readonly [MediaKind, ...MediaKind[]]
}

/**
 * Decides what a stream with `codecs` sends to `offer`: for each kind, the
 * first section that receives and has the stream's codec. Further sections of
 * a kind are rejected, and so is a kind that the stream lacks. It is a
 * mismatch if a kind of both has no common codec, or if they have no common
 * kind.
 * @throws {SdpError} if no section receives, or the sections are not bundled
 */
export function negotiate(
  offer: Offer,
  codecs: StreamCodecs,
): Negotiated | Mismatch {
  const requested = offer.sections.filter(each => requestsMedia(offer, each))
  const kinds = new Set(
    requested.flatMap(({ type }) => (isKind(type) ? [type] : [])),
  )
  const [firstRequested] = requested
  if (firstRequested === undefined) {
    throw new SdpError(
      'Cannot accept offer: it has no audio or video section that receives',
    )
  }
  // Before codecs are compared: a malformed offer is not a mismatch.
  readTransport(offer, firstRequested)
  const accepted = new Map<OfferSection, AcceptedSection>()
  const missing: MediaKind[] = []
  const numbers = new TransportNumbers()
  for (const kind of kinds) {
    const codec = codecs[kind]
    if (codec === undefined) continue
    const plan = accept(kind, codec, requested, numbers)
    if (plan === undefined) missing.push(kind)
    else accepted.set(plan.section, plan)
  }
  const [first, ...rest] =
    missing.length === 0 && accepted.size === 0 ? [...kinds] : missing
  if (first !== undefined) return { at: 'mismatch', kinds: [first, ...rest] }
  return planSections(offer, accepted)
}

function planSections(
  offer: Offer,
  accepted: ReadonlyMap<OfferSection, AcceptedSection>,
): Negotiated {
  const plans = offer.sections.map(
    section => accepted.get(section) ?? { at: 'rejected' as const, section },
  )
  const used = plans.filter(plan => plan.at === 'accepted')
  const bundle = offer.bundle?.flatMap(
    mid => used.find(({ section }) => section.mid === mid) ?? [],
  )
  const [tagged] = bundle ?? used
  if (tagged === undefined) throw new SdpError('Cannot accept an empty offer')
  if (bundle === undefined && used.length > 1) {
    throw new SdpError('Cannot accept offer: its sections are not in a BUNDLE')
  }
  const transport = readTransport(offer, tagged.section)
  return {
    at: 'negotiated',
    plans,
    bundle,
    tagged,
    transport,
    request: {
      media: used.map(({ media }) => media),
      dtlsParameters: {
        // The viewer is the client unless it offers setup:passive. With `auto`
        // mediasoup would be the client, but our answer says setup:passive.
        role: transport.setup === 'passive' ? 'server' : 'client',
        fingerprints: [transport.fingerprint],
      },
    },
  }
}

function requestsMedia(offer: Offer, section: OfferSection): boolean {
  if (!section.receives || !isKind(section.type)) return false
  if (offer.bundle === undefined) return true
  return section.mid !== undefined && offer.bundle.includes(section.mid)
}

function isKind(type: string): type is MediaKind {
  return type === 'audio' || type === 'video'
}

function accept(
  kind: MediaKind,
  codec: VideoCodec | AudioCodec,
  requested: readonly OfferSection[],
  numbers: TransportNumbers,
): AcceptedSection | undefined {
  for (const section of requested) {
    if (section.type !== kind) continue
    const chosen = chooseCodec(section, codec, numbers.payloadTypes)
    if (chosen === undefined) continue
    if (section.attributes.rtcpMux === undefined) {
      throw new SdpError(`Cannot accept offer: ${kind} lacks a=rtcp-mux`)
    }
    return {
      at: 'accepted',
      section,
      codec: chosen,
      media: {
        kind,
        codec: chosen.offered,
        // Without BUNDLE a section may have no mid, and then no MID extension.
        mid: section.mid ?? '0',
        headerExtensions: numbers.assign(section, chosen),
      },
    }
  }
  return undefined
}

const MID_URI = 'urn:ietf:params:rtp-hdrext:sdes:mid'
/** Extensions that mediasoup can send; the stream uses some of them. */
const SENDABLE_URIS: ReadonlySet<string> = new Set<RtpHeaderExtensionUri>([
  MID_URI,
  'http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time',
  'http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01',
  'http://www.webrtc.org/experiments/rtp-hdrext/abs-capture-time',
  'http://www.webrtc.org/experiments/rtp-hdrext/playout-delay',
  'urn:3gpp:video-orientation',
  'urn:ietf:params:rtp-hdrext:ssrc-audio-level',
  'urn:ietf:params:rtp-hdrext:toffset',
])
/** mediasoup writes the MID extension into 8 bytes. */
const MAX_MID_BYTES = 8

/**
 * Payload types and extension ids in use. Bundled sections share one RTP
 * session, in which a number has one meaning.
 */
class TransportNumbers {
  readonly payloadTypes = new Set<number>()
  readonly #uris = new Map<number, string>()

  /** Reserves the section's numbers; returns the extensions it can have. */
  assign(
    section: OfferSection,
    { offered }: ChosenCodec,
  ): ViewerMedia['headerExtensions'] {
    this.payloadTypes.add(offered.payloadType)
    if (offered.rtxPayloadType !== undefined) {
      this.payloadTypes.add(offered.rtxPayloadType)
    }
    const seen = new Set<string>()
    return section.extensions.flatMap(({ id, uri }) => {
      // RFC 8285: one-byte headers number their elements from 1 to 14.
      if (id < 1 || id > 14 || seen.has(uri) || !isSendable(uri)) return []
      if ((this.#uris.get(id) ?? uri) !== uri) return []
      if (uri === MID_URI && !fitsMidExtension(section.mid)) return []
      seen.add(uri)
      this.#uris.set(id, uri)
      return [{ id, uri }]
    })
  }
}

function isSendable(uri: string): uri is RtpHeaderExtensionUri {
  return SENDABLE_URIS.has(uri)
}

function fitsMidExtension(mid: string | undefined): boolean {
  return mid !== undefined && mid.length <= MAX_MID_BYTES
}
