import type { DtlsParameters } from 'mediasoup/types'
import type { IceCredentials, Offer, OfferSection, Setup } from './offer.ts'
import {
  attributeOf,
  attributesOf,
  SdpError,
  type Attribute,
} from './sdp-text.ts'

type Fingerprint = NonNullable<DtlsParameters['fingerprints']>[number]

/** What the viewer's end of the one bundled transport is. */
export interface OfferTransport {
  readonly ice: IceCredentials
  readonly fingerprint: Fingerprint
  readonly setup: Setup
}

/** Bytes of a hash, by the names RFC 8122 gives; best first. */
const HASH_BYTES = {
  'sha-256': 32,
  'sha-384': 48,
  'sha-512': 64,
  'sha-224': 28,
  'sha-1': 20,
} as const satisfies Record<Fingerprint['algorithm'], number>

const ALGORITHMS = Object.keys(HASH_BYTES).filter(isAlgorithm)

/**
 * Reads the transport that `section` is bundled on: an attribute stands in
 * the section itself, at the session level, or (RFC 9143, 7.1.3) only in the
 * first section of the group.
 * @throws {SdpError} when credentials or fingerprint are missing or malformed
 */
export function readTransport(
  offer: Offer,
  section: OfferSection,
): OfferTransport {
  const tagged = offer.sections.find(({ mid }) => mid === offer.bundle?.[0])
  const levels = [
    section.attributes,
    offer.attributes,
    ...(tagged === undefined ? [] : [tagged.attributes]),
  ]
  return {
    ice: {
      ufrag: readCredential(levels, 'ice-ufrag'),
      pwd: readCredential(levels, 'ice-pwd'),
    },
    fingerprint: readFingerprint(levels),
    setup: readSetup(levels),
  }
}

type Levels = readonly (readonly Attribute[])[]

function firstOf(levels: Levels, name: string): string | undefined {
  for (const attributes of levels) {
    const value = attributeOf(attributes, name)
    if (value !== undefined) return value
  }
  return undefined
}

function readCredential(levels: Levels, name: string): string {
  const value = firstOf(levels, name) ?? ''
  if (/^[!-~]{1,256}$/.test(value)) return value
  throw new SdpError(`Cannot read offer: ${name} is missing or malformed`)
}

function readSetup(levels: Levels): Setup {
  const setup = firstOf(levels, 'setup') ?? 'actpass'
  if (setup === 'actpass' || setup === 'active' || setup === 'passive') {
    return setup
  }
  throw new SdpError(
    'Cannot read offer: setup is none of actpass, active and passive',
  )
}

function readFingerprint(levels: Levels): Fingerprint {
  for (const attributes of levels) {
    const lines = attributesOf(attributes, 'fingerprint')
    if (lines.length === 0) continue
    const known = lines.flatMap(parseFingerprint)
    // Several may describe one certificate: the best algorithm is enough.
    for (const algorithm of ALGORITHMS) {
      const best = known.find(print => print.algorithm === algorithm)
      if (best !== undefined) return best
    }
    break
  }
  throw new SdpError(
    `Cannot read offer: no fingerprint of ${ALGORITHMS.join(', ')}`,
  )
}

function parseFingerprint(line: string): readonly Fingerprint[] {
  const [name = '', hash = ''] = line.split(/ +/)
  const algorithm = name.toLowerCase()
  if (!isAlgorithm(algorithm)) return []
  const pairs = hash.split(':')
  const sound = pairs.every(pair => /^[0-9A-Fa-f]{2}$/.test(pair))
  if (!sound || pairs.length !== HASH_BYTES[algorithm]) return []
  // The worker compares text, and writes its own in upper case.
  return [{ algorithm, value: hash.toUpperCase() }]
}

function isAlgorithm(name: string): name is keyof typeof HASH_BYTES {
  return Object.hasOwn(HASH_BYTES, name)
}
