import { isIPv6 } from 'node:net'
import type { IceCandidate, IceParameters } from 'mediasoup/types'
import { write } from 'sdp-transform'
import { candidatesOf, credentialsOf, sessionOf } from './answer.ts'
import type { IceCredentials } from './offer.ts'
import { readSdp, SdpError } from './sdp-text.ts'

/** A body of application/trickle-ice-sdpfrag (RFC 8840), as far as we care. */
export interface Fragment {
  /** Each undefined where the fragment does not name it. */
  readonly ufrag: string | undefined
  readonly pwd: string | undefined
  /** whip-whep sends restarts without any media section. */
  readonly hasSections: boolean
}

// As text, since candidates count that sdp-transform cannot read.
const OF_ICE = /^a=(ice-ufrag|candidate|end-of-candidates)\b/m

/**
 * Reads a fragment. Candidates are taken whatever they say: an ICE-lite end
 * learns the viewer's addresses from its checks (RFC 8445, 6.1.3). Nor do
 * mids matter: there is one transport.
 * @throws {SdpError} when it is not a fragment
 */
export function readFragment(text: string): Fragment {
  const sdp = readSdp(text)
  if (!OF_ICE.test(text)) {
    throw new SdpError('Cannot read fragment: it says nothing of ICE')
  }
  const sections = sdp.media ?? []
  const parts = [sdp, ...sections]
  const ufrags = parts.flatMap(({ iceUfrag }) => iceUfrag ?? [])
  const pwds = parts.flatMap(({ icePwd }) => icePwd ?? [])
  return {
    ufrag: readOne('ice-ufrag', ufrags),
    pwd: readOne('ice-pwd', pwds),
    hasSections: sections.length > 0,
  }
}

/** The value that all parts agree on. */
function readOne(
  name: string,
  values: readonly (string | number)[],
): string | undefined {
  const [value, ...others] = new Set(values.map(String))
  if (others.length > 0) {
    throw new SdpError(`Cannot read fragment: it has several ${name}`)
  }
  if (value === undefined || /^[!-~]{1,256}$/.test(value)) return value
  throw new SdpError(`Cannot read fragment: ${name} is malformed`)
}

/**
 * Whether the fragment restarts ICE: credentials are both new (RFC 8839,
 * 4.4.1.1.1). A candidate's own ufrag does not count: some trickle stale ones.
 * @throws {SdpError} when only one of them is new
 */
export function restartsIce(
  { ufrag, pwd }: Fragment,
  current: IceCredentials,
): boolean {
  const newUfrag = ufrag !== undefined && ufrag !== current.ufrag
  const newPwd = pwd !== undefined && pwd !== current.pwd
  if (newUfrag === newPwd) return newUfrag
  throw new SdpError('Cannot restart ICE: only one of ufrag and pwd is new')
}

/** What a restart answers with. */
export interface Restart {
  readonly ice: IceParameters
  readonly candidates: readonly IceCandidate[]
  /** The tagged section: the first of the BUNDLE group. */
  readonly type: string
  readonly mid: string | undefined
  readonly payloadType: number
}

/** Writes the fragment that answers an ICE restart. */
export function writeRestart(restart: Restart): string {
  const { ice, candidates, type, mid, payloadType } = restart
  const text = write({
    ...sessionOf('0'),
    ...credentialsOf(ice),
    media: [
      {
        type,
        port: 9,
        protocol: 'UDP/TLS/RTP/SAVPF',
        payloads: String(payloadType),
        rtp: [],
        fmtp: [],
        ...(mid !== undefined && { mid }),
        ...candidatesOf(candidates),
      },
    ],
  })
  // RFC 8840, 9: a fragment has none of the lines before the attributes.
  return text.slice(text.indexOf('a='))
}

/**
 * The candidates a restart names. A fragment without media sections is
 * whip-whep's, which joins several candidates with commas into SDP that no
 * browser reads: it gets one, of the address family it plays over.
 */
export function candidatesForRestart(
  all: readonly IceCandidate[],
  { hasSections }: Fragment,
  remoteAddress: string | undefined,
): readonly IceCandidate[] {
  if (hasSections) return all
  const wantsV6 = remoteAddress !== undefined && isIPv6(remoteAddress)
  const best = all.find(({ address }) => isIPv6(address) === wantsV6) ?? all[0]
  return best === undefined ? [] : [best]
}
