import type {
  AudioCodec,
  MediaKind,
  StreamCodecs,
  VideoCodec,
  ViewerMedia,
  ViewerRequest,
} from './stream-port.ts'
import type { RtpHeaderExtensionUri } from 'mediasoup/types'
import { chooseCodec, type ChosenCodec } from './codec-choice.ts'
import { readTransport, type OfferTransport } from './offer-transport.ts'
import type { Offer, OfferSection } from './offer.ts'
import { SdpError } from './sdp-text.ts'

/** What becomes of one offered section, in the order of the offer. */
export type SectionPlan =
  | { readonly at: 'rejected'; readonly section: OfferSection }
  | {
      readonly at: 'accepted'
      readonly section: OfferSection
      readonly codec: ChosenCodec
      readonly media: ViewerMedia
    }

export type AcceptedSection = Extract<SectionPlan, { at: 'accepted' }>

export interface Agreement {
  readonly at: 'agreed'
  readonly plans: readonly SectionPlan[]
  /** The accepted sections of the offer's BUNDLE group; undefined: it has none. */
  readonly bundle: readonly AcceptedSection[] | undefined
  /** The section whose transport all use: the first of the group. */
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
 * Settles what of `offer` a stream with `codecs` sends: for each kind the
 * first section that receives and has a common codec. A kind that the stream
 * lacks is rejected, and so are further sections of a kind; a kind that both
 * have without a common codec is a mismatch, and so is no common kind at all.
 * @throws {SdpError} when nothing in it receives, or it cannot be bundled
 */
export function negotiate(
  offer: Offer,
  codecs: StreamCodecs,
): Agreement | Mismatch {
  const asking = offer.sections.filter(section => asksForMedia(offer, section))
  const asked = new Set(
    asking.flatMap(({ type }) => (isKind(type) ? [type] : [])),
  )
  const [foremost] = asking
  if (foremost === undefined) {
    throw new SdpError(
      'Cannot accept offer: it has no audio or video section that receives',
    )
  }
  // Before codecs are looked at: a broken offer is no mismatch.
  readTransport(offer, foremost)
  const accepted = new Map<OfferSection, AcceptedSection>()
  const missing: MediaKind[] = []
  const numbers = new Numbers()
  for (const kind of asked) {
    const codec = codecs[kind]
    if (codec === undefined) continue
    const plan = accept(kind, codec, asking, numbers)
    if (plan === undefined) missing.push(kind)
    else accepted.set(plan.section, plan)
  }
  const [first, ...rest] =
    missing.length === 0 && accepted.size === 0 ? [...asked] : missing
  if (first !== undefined) return { at: 'mismatch', kinds: [first, ...rest] }
  return agree(offer, accepted)
}

function agree(
  offer: Offer,
  accepted: ReadonlyMap<OfferSection, AcceptedSection>,
): Agreement {
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
    at: 'agreed',
    plans,
    bundle,
    tagged,
    transport,
    request: {
      media: used.map(({ media }) => media),
      dtlsParameters: {
        // The viewer is the client wherever it leaves the choice: `auto`
        // would make mediasoup the client, against our a=setup:passive.
        role: transport.setup === 'passive' ? 'server' : 'client',
        fingerprints: [transport.fingerprint],
      },
    },
  }
}

function asksForMedia(offer: Offer, section: OfferSection): boolean {
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
  asking: readonly OfferSection[],
  numbers: Numbers,
): AcceptedSection | undefined {
  for (const section of asking) {
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
        // Without BUNDLE there may be no mid, and then no MID extension.
        mid: section.mid ?? '0',
        headerExtensions: numbers.take(section, chosen),
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

/** Numbers that the sections of one transport share: each means one thing. */
class Numbers {
  readonly payloadTypes = new Set<number>()
  readonly #uris = new Map<number, string>()

  take(
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
