import type {
  DtlsParameters,
  IceCandidate,
  IceParameters,
} from 'mediasoup/types'
import { write, type MediaDescription } from 'sdp-transform'
import type { ViewerTransport } from './stream-port.ts'
import { describeMedia } from './answer-media.ts'
import type { AcceptedSection, Agreement } from './negotiation.ts'
import type { OfferSection } from './offer.ts'

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
  const { plans, bundle } = agreement
  const mids = bundle?.map(({ section }) => section.mid)
  return write({
    ...sessionOf(ids.session),
    msidSemantic: { semantic: 'WMS', token: '*' },
    // RFC 9143, 7.3: none where the offer has none, and in the offer's order.
    ...(mids && { groups: [{ type: 'BUNDLE', mids: mids.join(' ') }] }),
    media: plans.map(plan =>
      plan.at === 'accepted'
        ? describeAccepted(plan, agreement, transport, ids)
        : describeRejected(plan.section),
    ),
  })
}

/** What answers and restarts begin with: we trickle nothing, and take it. */
export function sessionOf(sessionId: string) {
  return {
    version: 0,
    origin: {
      username: '-',
      sessionId,
      sessionVersion: 1,
      netType: 'IN',
      ipVer: 4,
      address: '127.0.0.1',
    },
    name: '-',
    timing: { start: 0, stop: 0 },
    icelite: 'ice-lite',
    iceOptions: 'trickle',
  } as const
}

/** The `ice-ufrag` and `ice-pwd` lines. */
export function credentialsOf(ice: IceParameters) {
  return { iceUfrag: ice.usernameFragment, icePwd: ice.password }
}

/** The `candidate` lines (RFC 8839, 5.1), and that there are no others. */
export function candidatesOf(candidates: readonly IceCandidate[]) {
  return {
    candidates: candidates.map(candidate => ({
      foundation: candidate.foundation,
      component: 1,
      transport: candidate.protocol,
      priority: candidate.priority,
      ip: candidate.address,
      port: candidate.port,
      type: candidate.type,
      ...(candidate.protocol === 'tcp' && {
        tcptype: candidate.tcpType ?? 'passive',
      }),
    })),
    endOfCandidates: 'end-of-candidates',
  } as const
}

function describeAccepted(
  plan: AcceptedSection,
  agreement: Agreement,
  transport: ViewerTransport,
  ids: AnswerIds,
): MediaDescription {
  const { section } = plan
  return {
    ...placeOf(section),
    // Port 9 also where the offer has 0 with bundle-only: GStreamer takes an
    // accepted section with port 0 for a rejected one.
    port: 9,
    ...credentialsOf(transport.iceParameters),
    fingerprint: { type: 'sha-256', hash: sha256Of(transport.dtlsParameters) },
    setup: agreement.transport.setup === 'passive' ? 'active' : 'passive',
    direction: 'sendonly',
    rtcpMux: 'rtcp-mux',
    ...(section.attributes.rtcpRsize !== undefined && {
      rtcpRsize: 'rtcp-rsize',
    }),
    // sdp-transform writes to the letter what it has no name for.
    invalid: [{ value: 'rtcp-mux-only' }],
    ...describeMedia(plan, transport, ids.stream),
    ...candidatesOf(transport.iceCandidates),
  }
}

/** Port 0 with the offered formats: browsers refuse an empty list. */
function describeRejected(section: OfferSection): MediaDescription {
  const { sctpPort } = section.attributes
  return {
    ...placeOf(section),
    port: 0,
    payloads: section.formats.join(' '),
    rtp: [],
    fmtp: [],
    ...(section.type !== 'application' && { direction: 'inactive' }),
    // werift cannot read a data channel section without it.
    ...(typeof sctpPort === 'number' && { sctpPort }),
  }
}

function placeOf({ type, protocol, mid }: OfferSection) {
  return {
    type,
    protocol,
    connection: { version: 4, ip: '0.0.0.0' },
    ...(mid !== undefined && { mid }),
  }
}

// mediasoup names five hashes, sha-512 first; players know sha-256 best, and
// Firefox takes upper case only.
function sha256Of({ fingerprints }: DtlsParameters): string {
  const print = fingerprints.find(({ algorithm }) => algorithm === 'sha-256')
  if (print === undefined) throw new Error('Cannot answer without a sha-256')
  return print.value.toUpperCase()
}
