import type {
  DtlsParameters,
  IceCandidate,
  IceParameters,
} from 'mediasoup/types'
import type { ViewerTransport } from '../router/viewer.ts'
import { writeMedia } from './answer-media.ts'
import type { AcceptedSection, Agreement } from './negotiation.ts'
import type { OfferSection } from './offer.ts'

/** Same in answers and restarts: we trickle nothing, and take what comes. */
export const ICE_LINES = ['a=ice-lite', 'a=ice-options:trickle'] as const

/** What is random in an answer. */
export interface AnswerIds {
  /** Decimal digits of the `o=` line, below 2^63 (JSEP 5.2.1). */
  readonly session: string
  /** Id of the one MediaStream of all tracks: letters, digits and `-`. */
  readonly stream: string
}

/**
 * Writes the answer (draft-ietf-wish-whep, JSEP): as many media sections as
 * were offered, in that order. All candidates stand in it, in every accepted
 * section, since a player need never PATCH.
 */
export function writeAnswer(
  agreement: Agreement,
  transport: ViewerTransport,
  ids: AnswerIds,
): string {
  const mids = agreement.plans.flatMap(({ at, section: { mid } }) =>
    at === 'accepted' && mid !== undefined ? [mid] : [],
  )
  return toText([
    'v=0',
    `o=- ${ids.session} 1 IN IP4 127.0.0.1`,
    's=-',
    't=0 0',
    // Left out where the offer has no group: the one section stands alone.
    ...(mids.length === 0 ? [] : [`a=group:BUNDLE ${mids.join(' ')}`]),
    'a=msid-semantic:WMS *',
    ...ICE_LINES,
    ...agreement.plans.flatMap(plan =>
      plan.at === 'accepted'
        ? writeAccepted(plan, agreement, transport, ids)
        : writeRejected(plan.section),
    ),
  ])
}

/** Lines as SDP text: CRLF after each, the last one too. */
export function toText(lines: readonly string[]): string {
  return lines.map(line => `${line}\r\n`).join('')
}

function writeAccepted(
  plan: AcceptedSection,
  agreement: Agreement,
  transport: ViewerTransport,
  ids: AnswerIds,
): readonly string[] {
  const { section } = plan
  const media = writeMedia(plan, transport, ids.stream)
  return [
    // Port 9 also where the offer has 0 with bundle-only: GStreamer takes an
    // accepted section with port 0 for a rejected one.
    `m=${section.type} 9 ${section.protocol} ${media.formats.join(' ')}`,
    'c=IN IP4 0.0.0.0',
    ...writeIceCredentials(transport.iceParameters),
    `a=fingerprint:sha-256 ${sha256Of(transport.dtlsParameters)}`,
    `a=setup:${agreement.transport.setup === 'passive' ? 'active' : 'passive'}`,
    ...midLine(section),
    'a=sendonly',
    'a=rtcp-mux',
    'a=rtcp-mux-only',
    ...(section.rtcpReducedSize ? ['a=rtcp-rsize'] : []),
    ...media.lines,
    ...transport.iceCandidates.map(writeCandidate),
    'a=end-of-candidates',
  ]
}

/** Port 0 with the offered formats: browsers refuse an empty list. */
function writeRejected(section: OfferSection): readonly string[] {
  const sctpPort = section.attributes.find(({ name, value }) => {
    return name === 'sctp-port' && /^\d{1,5}$/.test(value)
  })
  return [
    `m=${section.type} 0 ${section.protocol} ${section.formats.join(' ')}`,
    'c=IN IP4 0.0.0.0',
    ...midLine(section),
    ...(section.type === 'application' ? [] : ['a=inactive']),
    // werift cannot read a data channel section without it.
    ...(sctpPort === undefined ? [] : [`a=sctp-port:${sctpPort.value}`]),
  ]
}

function midLine({ mid }: OfferSection): readonly string[] {
  return mid === undefined ? [] : [`a=mid:${mid}`]
}

/** The `ice-ufrag` and `ice-pwd` lines. */
export function writeIceCredentials(ice: IceParameters): readonly string[] {
  return [`a=ice-ufrag:${ice.usernameFragment}`, `a=ice-pwd:${ice.password}`]
}

/** One `a=candidate` line (RFC 8839, 5.1). */
export function writeCandidate(candidate: IceCandidate): string {
  const { foundation, protocol, priority, address, port, type } = candidate
  const tcp =
    protocol === 'tcp' ? ` tcptype ${candidate.tcpType ?? 'passive'}` : ''
  return (
    `a=candidate:${foundation} 1 ${protocol} ${priority} ${address} ${port} ` +
    `typ ${type}${tcp}`
  )
}

// mediasoup names five hashes, sha-512 first; players know sha-256 best, and
// Firefox takes upper case only.
function sha256Of({ fingerprints }: DtlsParameters): string {
  const print = fingerprints.find(({ algorithm }) => algorithm === 'sha-256')
  if (print === undefined) throw new Error('Cannot answer without a sha-256')
  return print.value.toUpperCase()
}
