import { isIPv6 } from 'node:net'
import type { IceCandidate, IceParameters } from 'mediasoup/types'
import { write } from 'sdp-transform'
import { candidateLines, credentialLines, sessionLines } from './answer.ts'
import type { IceCredentials } from './offer.ts'
import { readSdp, SdpError } from './sdp.ts'

/** The used parts of an application/trickle-ice-sdpfrag body (RFC 8840). */
export interface Fragment {
  /** undefined if the fragment has none, like `pwd`. */
  readonly ufrag: string | undefined
  readonly pwd: string | undefined
  /** whip-whep sends restarts without a media section. */
  readonly hasSections: boolean
}

// A regular expression, since candidates that sdp-transform cannot read count.
const ICE_LINE = /^a=(ice-ufrag|candidate|end-of-candidates)\b/m

/**
 * Reads a fragment. Candidates are ignored: an ICE-lite agent learns the
 * viewer's addresses from its checks (RFC 8445, 6.1.3). mids are ignored too:
 * there is one transport.
 * @throws {SdpError} if it is not a fragment
 */
export function readFragment(text: string): Fragment {
  const sdp = readSdp(text)
  if (!ICE_LINE.test(text)) {
    throw new SdpError('Cannot read fragment: it has no ICE lines')
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

/** The value, which must be the same in all parts. */
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
 * Whether the fragment restarts ICE: both credentials are new (RFC 8839,
 * 4.4.1.1.1). The ufrag of a candidate does not count: some clients trickle
 * stale ones.
 * @throws {SdpError} if only one of them is new
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

/** Content of the answer to a restart. */
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
    ...sessionLines('0'),
    ...credentialLines(ice),
    media: [
      {
        type,
        port: 9,
        protocol: 'UDP/TLS/RTP/SAVPF',
        payloads: String(payloadType),
        rtp: [],
        fmtp: [],
        ...(mid !== undefined && { mid }),
        ...candidateLines(candidates),
      },
    ],
  })
  // RFC 8840, 9: a fragment starts with the attributes.
  return text.slice(text.indexOf('a='))
}

/**
 * The candidates for the answer to a restart. A fragment without media
 * sections comes from whip-whep, which joins several candidates with commas
 * into invalid SDP: it gets one, of the address family in use.
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
