import type { DtlsParameters } from 'mediasoup/types'
import type { MediaDescription, SharedAttributes } from 'sdp-transform'
import { readSdp, SdpError, type Parsed, type ParsedSdp } from './sdp.ts'

/** One `a=extmap` line. */
export interface OfferedExtension {
  readonly id: number
  readonly uri: string
}

/** One media section of an offer. */
export interface OfferSection {
  /** `audio`, `video`, `application` or any other. */
  readonly type: string
  readonly protocol: string
  /** The offered formats: payload types, if the section is RTP. */
  readonly formats: readonly string[]
  /** undefined if the offer has none, which only works without BUNDLE. */
  readonly mid: string | undefined
  /** Whether the viewer would receive here: RTP, enabled, recv. */
  readonly receives: boolean
  readonly extensions: readonly OfferedExtension[]
  /** The section's own attributes. */
  readonly attributes: Parsed<MediaDescription>
}

export interface Offer {
  readonly sections: readonly OfferSection[]
  /** mids of the BUNDLE group, in its order; undefined: there is no group. */
  readonly bundle: readonly string[] | undefined
  /** The session-level attributes: defaults for the sections. */
  readonly attributes: ParsedSdp
}

const TOKEN = /^[!-~]{1,64}$/

/** RTP profiles that WebRTC endpoints write; all mean the first. */
const RTP = new Set(['UDP/TLS/RTP/SAVPF', 'TCP/TLS/RTP/SAVPF', 'RTP/SAVPF'])

/**
 * Reads an offer. Only checks the syntax; `negotiate` decides what can be
 * sent.
 * @throws {SdpError} if it is not a session description
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
  requireUniqueMids(sections)
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
    throw new SdpError('Cannot read offer: a mid is not a token of 1 to 64')
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
  // We must not send to a section that is sendonly or inactive.
  if (direction === 'sendonly' || direction === 'inactive') return []
  // An id with leading zeros stays text. RFC 6904: the URI of an encrypted
  // extension is another one.
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

function requireUniqueMids(sections: readonly OfferSection[]): void {
  const mids = sections.flatMap(({ mid }) => (mid === undefined ? [] : [mid]))
  if (new Set(mids).size < mids.length) {
    throw new SdpError('Cannot read offer: two media sections have one mid')
  }
}

type Fingerprint = NonNullable<DtlsParameters['fingerprints']>[number]

/** ICE username fragment and password of one endpoint. */
export interface IceCredentials {
  readonly ufrag: string
  readonly pwd: string
}

/** The viewer's end of a transport. */
export interface OfferTransport {
  readonly ice: IceCredentials
  readonly fingerprint: Fingerprint
  /** The viewer's DTLS role; `actpass` leaves the choice to us. */
  readonly setup: 'actpass' | 'active' | 'passive'
}

/** Bytes in hexadecimal, joined by colons. */
const HASH = /^[0-9A-F]{2}(?::[0-9A-F]{2})*$/
/** Length of each hash in bytes, by its name in RFC 8122. */
const HASH_BYTES = {
  'sha-256': 32,
  'sha-384': 48,
  'sha-512': 64,
  'sha-224': 28,
  'sha-1': 20,
} as const satisfies Record<Fingerprint['algorithm'], number>

/**
 * Reads the transport of `section`. An attribute may be in the section itself,
 * at the session level, or (RFC 9143, 7.1.3) only in the first section of the
 * BUNDLE group.
 * @throws {SdpError} if credentials or fingerprint are missing or malformed
 */
export function readTransport(
  offer: Offer,
  section: OfferSection,
): OfferTransport {
  const tagged = offer.sections.find(({ mid }) => mid === offer.bundle?.[0])
  const levels = [section, offer, ...(tagged === undefined ? [] : [tagged])]
  const first = <Name extends keyof Attributes>(name: Name) =>
    levels.find(level => level.attributes[name] !== undefined)?.attributes[name]
  return {
    ice: {
      ufrag: readCredential('ice-ufrag', first('iceUfrag')),
      pwd: readCredential('ice-pwd', first('icePwd')),
    },
    fingerprint: readFingerprint(first('fingerprint')),
    setup: readSetup(first('setup')),
  }
}

type Attributes = Parsed<SharedAttributes>

function readCredential(name: string, text: string | number = ''): string {
  const value = String(text)
  if (/^[!-~]{1,256}$/.test(value)) return value
  throw new SdpError(`Cannot read offer: ${name} is missing or malformed`)
}

function readSetup(setup: string | number = 'actpass') {
  if (setup === 'actpass' || setup === 'active' || setup === 'passive') {
    return setup
  }
  throw new SdpError(
    'Cannot read offer: setup is not actpass, active or passive',
  )
}

function readFingerprint(print: Attributes['fingerprint']): Fingerprint {
  const algorithm = String(print?.type).toLowerCase()
  // The worker compares it as text with its own, which is in upper case.
  const value = String(print?.hash).toUpperCase()
  if (
    isAlgorithm(algorithm) &&
    HASH.test(value) &&
    (value.length + 1) / 3 === HASH_BYTES[algorithm]
  ) {
    return { algorithm, value }
  }
  throw new SdpError(
    'Cannot read offer: it has no fingerprint of ' +
      Object.keys(HASH_BYTES).join(', '),
  )
}

function isAlgorithm(name: string): name is keyof typeof HASH_BYTES {
  return Object.hasOwn(HASH_BYTES, name)
}
