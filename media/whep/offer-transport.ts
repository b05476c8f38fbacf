import type { DtlsParameters } from 'mediasoup/types'
import type { SharedAttributes } from 'sdp-transform'
import type { IceCredentials, Offer, OfferSection, Setup } from './offer.ts'
import { SdpError, type Parsed } from './sdp-text.ts'

type Fingerprint = NonNullable<DtlsParameters['fingerprints']>[number]

/** What the viewer's end of the one bundled transport is. */
export interface OfferTransport {
  readonly ice: IceCredentials
  readonly fingerprint: Fingerprint
  readonly setup: Setup
}

/** Bytes of a hash, by the names RFC 8122 gives. */
const HASH_BYTES = {
  'sha-256': 32,
  'sha-384': 48,
  'sha-512': 64,
  'sha-224': 28,
  'sha-1': 20,
} as const satisfies Record<Fingerprint['algorithm'], number>

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

function readSetup(setup: string | number = 'actpass'): Setup {
  if (setup === 'actpass' || setup === 'active' || setup === 'passive') {
    return setup
  }
  throw new SdpError(
    'Cannot read offer: setup is none of actpass, active and passive',
  )
}

function readFingerprint(print: Attributes['fingerprint']): Fingerprint {
  const algorithm = String(print?.type).toLowerCase()
  // The worker compares text, and writes its own in upper case.
  const value = String(print?.hash).toUpperCase()
  const bytes = value.split(':')
  if (
    isAlgorithm(algorithm) &&
    bytes.length === HASH_BYTES[algorithm] &&
    bytes.every(byte => /^[0-9A-F]{2}$/.test(byte))
  ) {
    return { algorithm, value }
  }
  throw new SdpError(
    `Cannot read offer: no fingerprint of ${Object.keys(HASH_BYTES).join(', ')}`,
  )
}

function isAlgorithm(name: string): name is keyof typeof HASH_BYTES {
  return Object.hasOwn(HASH_BYTES, name)
}
