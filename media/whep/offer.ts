import type { MediaDescription } from 'sdp-transform'
import { readSdp, SdpError, type Parsed, type ParsedSdp } from './sdp-text.ts'

/** ICE username fragment and password of one end. */
export interface IceCredentials {
  readonly ufrag: string
  readonly pwd: string
}

/** How the viewer wants to shake hands; `actpass` leaves it to us. */
export type Setup = 'actpass' | 'active' | 'passive'

/** One `a=extmap` line. */
export interface OfferedExtension {
  readonly id: number
  readonly uri: string
}

/** One media section of an offer. */
export interface OfferSection {
  /** `audio`, `video`, `application` or whatever else was offered. */
  readonly type: string
  readonly protocol: string
  /** The formats as offered: payload types, where it is RTP. */
  readonly formats: readonly string[]
  /** undefined where the offer has none, which only works without BUNDLE. */
  readonly mid: string | undefined
  /** Whether the viewer would receive here: RTP, not disabled, recv. */
  readonly receives: boolean
  readonly extensions: readonly OfferedExtension[]
  /** The section's own attributes. */
  readonly attributes: Parsed<MediaDescription>
}

export interface Offer {
  readonly sections: readonly OfferSection[]
  /** mids of the BUNDLE group in its order; undefined: there is no group. */
  readonly bundle: readonly string[] | undefined
  /** The session-level attributes: defaults of the sections. */
  readonly attributes: ParsedSdp
}

const TOKEN = /^[!-~]{1,64}$/

/** RTP profiles that WebRTC endpoints write for the one it means. */
const RTP = new Set(['UDP/TLS/RTP/SAVPF', 'TCP/TLS/RTP/SAVPF', 'RTP/SAVPF'])

/**
 * Reads an offer. Only syntax is refused here; what we can send of it is
 * `negotiate`'s matter.
 * @throws {SdpError} when it is not a session description
 */
export function readOffer(text: string): Offer {
  const sdp = readSdp(text)
  if (!/^v=0[\r\n]/.test(text)) {
    throw new SdpError('Cannot read offer: it does not begin with v=0')
  }
  const sections = (sdp.media ?? []).map(media => readSection(media, sdp))
  if (sections.length === 0) {
    throw new SdpError('Cannot read offer: it has no media sections')
  }
  refuseTwins(sections)
  return { sections, bundle: readBundle(sdp), attributes: sdp }
}

function readSection(
  media: Parsed<MediaDescription>,
  session: ParsedSdp,
): OfferSection {
  if (!media.type || !media.protocol) {
    throw new SdpError('Cannot read offer: a media line is malformed')
  }
  const formats = wordsOf(media.payloads)
  if (formats.length === 0 || !formats.every(format => TOKEN.test(format))) {
    throw new SdpError('Cannot read offer: a media line has no formats')
  }
  const mid = media.mid === undefined ? undefined : String(media.mid)
  if (mid !== undefined && !TOKEN.test(mid)) {
    throw new SdpError('Cannot read offer: a mid is no token of 1 to 64')
  }
  const protocol = String(media.protocol)
  // RFC 9143, 6: port 0 disables a section unless it is bundle-only.
  const enabled = Number(media.port) !== 0 || media.bundleOnly !== undefined
  const direction = media.direction ?? session.direction ?? 'sendrecv'
  return {
    type: String(media.type),
    protocol,
    formats,
    mid,
    receives:
      enabled &&
      RTP.has(protocol) &&
      (direction === 'recvonly' || direction === 'sendrecv'),
    extensions: (media.ext ?? []).flatMap(readExtension),
    attributes: media,
  }
}

function readExtension(
  ext: Parsed<NonNullable<MediaDescription['ext']>[number]>,
): readonly OfferedExtension[] {
  const { value, direction, uri } = ext
  // What the viewer only sends, or inactive, is nothing that we may send.
  if (direction === 'sendonly' || direction === 'inactive') return []
  // An id with leading zeros stays text. RFC 6904: encrypted ones are others.
  if (typeof value !== 'number' || 'encrypt-uri' in ext) return []
  return [{ id: value, uri: String(uri) }]
}

function readBundle({ groups }: ParsedSdp): readonly string[] | undefined {
  const bundle = groups?.find(({ type }) => type === 'BUNDLE')
  return bundle && [...new Set(wordsOf(bundle.mids))]
}

function wordsOf(text: string | number = ''): readonly string[] {
  return String(text)
    .split(' ')
    .filter(word => word !== '')
}

function refuseTwins(sections: readonly OfferSection[]): void {
  const mids = sections.flatMap(({ mid }) => (mid === undefined ? [] : [mid]))
  if (new Set(mids).size < mids.length) {
    throw new SdpError('Cannot read offer: two media sections have one mid')
  }
}
