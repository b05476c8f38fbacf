import {
  attributeOf,
  attributesOf,
  hasAttribute,
  readSdpText,
  SdpError,
  type Attribute,
} from './sdp-text.ts'

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
  readonly rtcpMux: boolean
  readonly rtcpReducedSize: boolean
  readonly extensions: readonly OfferedExtension[]
  /** The section's own attributes. */
  readonly attributes: readonly Attribute[]
}

export interface Offer {
  readonly sections: readonly OfferSection[]
  /** mids of the BUNDLE group in its order; undefined: there is no group. */
  readonly bundle: readonly string[] | undefined
  /** The session-level attributes: defaults of the sections. */
  readonly attributes: readonly Attribute[]
}

const MEDIA = /^([A-Za-z0-9-]{1,32}) (\d{1,5})(?:\/\d+)? ([\w/]{1,64})( .*)?$/
const TOKEN = /^[!-~]{1,64}$/
const EXTMAP = /^(\d{1,5})(?:\/(\w+))? (\S+)/

/** RTP profiles that WebRTC endpoints write for the one it means. */
const RTP = new Set(['UDP/TLS/RTP/SAVPF', 'TCP/TLS/RTP/SAVPF', 'RTP/SAVPF'])

/**
 * Reads an offer. Only syntax is refused here; what we can send of it is
 * `negotiate`'s matter.
 * @throws {SdpError} when it is not a session description
 */
export function readOffer(text: string): Offer {
  const sdp = readSdpText(text)
  if (!sdp.versioned) {
    throw new SdpError('Cannot read offer: it does not begin with v=0')
  }
  if (sdp.sections.length === 0) {
    throw new SdpError('Cannot read offer: it has no media sections')
  }
  const sections = sdp.sections.map(({ media, attributes }) =>
    readSection(media, attributes, sdp.attributes),
  )
  refuseTwins(sections)
  return {
    sections,
    bundle: readBundle(sdp.attributes),
    attributes: sdp.attributes,
  }
}

function readSection(
  media: string,
  attributes: readonly Attribute[],
  session: readonly Attribute[],
): OfferSection {
  const match = MEDIA.exec(media)
  const [, type, port, protocol, rest = ''] = match ?? []
  if (type === undefined || port === undefined || protocol === undefined) {
    throw new SdpError('Cannot read offer: a media line is malformed')
  }
  const formats = rest.split(' ').filter(format => format !== '')
  if (formats.length === 0 || !formats.every(format => TOKEN.test(format))) {
    throw new SdpError('Cannot read offer: a media line has no formats')
  }
  const mid = attributeOf(attributes, 'mid')
  if (mid !== undefined && !TOKEN.test(mid)) {
    throw new SdpError('Cannot read offer: a mid is no token of 1 to 64')
  }
  // RFC 9143, 6: port 0 disables a section unless it is bundle-only.
  const enabled = Number(port) !== 0 || hasAttribute(attributes, 'bundle-only')
  const direction = directionOf(attributes) ?? directionOf(session)
  return {
    type,
    protocol,
    formats,
    mid,
    receives:
      enabled &&
      RTP.has(protocol) &&
      (direction === undefined ||
        direction === 'recvonly' ||
        direction === 'sendrecv'),
    rtcpMux: hasAttribute(attributes, 'rtcp-mux'),
    rtcpReducedSize: hasAttribute(attributes, 'rtcp-rsize'),
    extensions: attributesOf(attributes, 'extmap').flatMap(readExtension),
    attributes,
  }
}

const DIRECTIONS = new Set(['sendrecv', 'recvonly', 'sendonly', 'inactive'])

function directionOf(attributes: readonly Attribute[]): string | undefined {
  return attributes.find(({ name }) => DIRECTIONS.has(name))?.name
}

function readExtension(text: string): readonly OfferedExtension[] {
  const [, id, direction, uri] = EXTMAP.exec(text) ?? []
  // What the viewer only sends, or inactive, is nothing that we may send.
  if (id === undefined || uri === undefined) return []
  if (direction === 'sendonly' || direction === 'inactive') return []
  return [{ id: Number(id), uri }]
}

function readBundle(
  attributes: readonly Attribute[],
): readonly string[] | undefined {
  for (const group of attributesOf(attributes, 'group')) {
    const [semantics, ...mids] = group.split(' ').filter(part => part !== '')
    if (semantics === 'BUNDLE') return mids
  }
  return undefined
}

function refuseTwins(sections: readonly OfferSection[]): void {
  const mids = sections.flatMap(({ mid }) => (mid === undefined ? [] : [mid]))
  if (new Set(mids).size < mids.length) {
    throw new SdpError('Cannot read offer: two media sections have one mid')
  }
}
