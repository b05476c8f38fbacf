import type {
  DtlsParameters,
  IceCandidate,
  IceParameters,
  RtcpFeedback,
  RtpParameters,
} from 'mediasoup/types'
import { write, type MediaDescription } from 'sdp-transform'
import type { AcceptedSection, Negotiated } from './negotiation.ts'
import type { OfferSection } from './offer.ts'
import type { OfferedCodec, ViewerTransport } from './stream-port.ts'

/** The random ids of an answer. */
export interface AnswerIds {
  /** Decimal digits of the `o=` line, below 2^63 (JSEP 5.2.1). */
  readonly session: string
  /** Id of the MediaStream that has all tracks: letters, digits and `-`. */
  readonly stream: string
}

/**
 * Writes the answer (draft-ietf-wish-whep, JSEP): one media section per
 * offered section, in the same order. Every accepted section lists all
 * candidates, so that a player never has to PATCH.
 */
export function writeAnswer(
  negotiated: Negotiated,
  transport: ViewerTransport,
  ids: AnswerIds,
): string {
  const { plans, bundle } = negotiated
  const mids = bundle?.map(({ section }) => section.mid)
  return write({
    ...sessionLines(ids.session),
    msidSemantic: { semantic: 'WMS', token: '*' },
    // RFC 9143, 7.3: only if the offer has a group, and in the offer's order.
    ...(mids && { groups: [{ type: 'BUNDLE', mids: mids.join(' ') }] }),
    media: plans.map(plan =>
      plan.at === 'accepted'
        ? acceptedSection(plan, negotiated, transport, ids)
        : rejectedSection(plan.section),
    ),
  })
}

/** The session-level lines. `trickle`: we accept candidates, and send none. */
export function sessionLines(sessionId: string) {
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
export function credentialLines(ice: IceParameters) {
  return { iceUfrag: ice.usernameFragment, icePwd: ice.password }
}

/** The `candidate` lines (RFC 8839, 5.1) and `end-of-candidates`. */
export function candidateLines(candidates: readonly IceCandidate[]) {
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

function acceptedSection(
  plan: AcceptedSection,
  negotiated: Negotiated,
  transport: ViewerTransport,
  ids: AnswerIds,
): MediaDescription {
  const { section } = plan
  return {
    ...mediaLine(section),
    // Port 9, also for a bundle-only section that was offered with port 0:
    // GStreamer treats port 0 in an answer as a rejection.
    port: 9,
    ...credentialLines(transport.iceParameters),
    fingerprint: { type: 'sha-256', hash: sha256Of(transport.dtlsParameters) },
    setup: negotiated.transport.setup === 'passive' ? 'active' : 'passive',
    direction: 'sendonly',
    rtcpMux: 'rtcp-mux',
    ...(section.attributes.rtcpRsize !== undefined && {
      rtcpRsize: 'rtcp-rsize',
    }),
    // sdp-transform writes attributes that it does not support from here.
    invalid: [{ value: 'rtcp-mux-only' }],
    ...codecLines(plan, transport, ids.stream),
    ...candidateLines(transport.iceCandidates),
  }
}

/** Port 0 with the offered formats: browsers reject an empty list. */
function rejectedSection(section: OfferSection): MediaDescription {
  const { sctpPort } = section.attributes
  return {
    ...mediaLine(section),
    port: 0,
    payloads: section.formats.join(' '),
    rtp: [],
    fmtp: [],
    ...(section.type !== 'application' && { direction: 'inactive' }),
    // werift cannot read a data channel section without it.
    ...(typeof sctpPort === 'number' && { sctpPort }),
  }
}

function mediaLine({ type, protocol, mid }: OfferSection) {
  return {
    type,
    protocol,
    connection: { version: 4, ip: '0.0.0.0' },
    ...(mid !== undefined && { mid }),
  }
}

// mediasoup lists five hashes, sha-512 first. sha-256 is the one that all
// players support, and Firefox accepts upper case only.
function sha256Of({ fingerprints }: DtlsParameters): string {
  const print = fingerprints.find(({ algorithm }) => algorithm === 'sha-256')
  if (print === undefined) throw new Error('Cannot answer without a sha-256')
  return print.value.toUpperCase()
}

/**
 * The codec, extensions and SSRCs of a section, under the offer's payload
 * types and extension ids. Lists only what was offered and is really sent:
 * browsers rely on it, and otherwise show nothing, without an error.
 */
function codecLines(
  { section, codec, media }: AcceptedSection,
  transport: ViewerTransport,
  streamName: string,
): Omit<MediaDescription, 'type' | 'port' | 'protocol'> {
  const sent = transport.sent.find(({ kind }) => kind === media.kind)
  if (sent === undefined) {
    throw new Error(`Cannot answer: no ${media.kind} is sent`)
  }
  const { rtpParameters } = sent
  const { payloadType } = codec.offered
  const main = codecOf(rtpParameters, payloadType)
  if (main === undefined) {
    throw new Error(`Cannot answer: ${media.kind} is not sent as offered`)
  }
  const rtx = rtxOf(rtpParameters, codec.offered)
  const ids = new Set(section.extensions.map(({ id, uri }) => `${id} ${uri}`))
  const rtp = [codec.rtpmap]
  const fmtp = codec.fmtp === undefined ? [] : [codec.fmtp]
  if (rtx !== undefined) {
    rtp.push({ payload: rtx.payloadType, codec: 'rtx', rate: 90_000 })
    fmtp.push({ payload: rtx.payloadType, config: `apt=${payloadType}` })
  }
  return {
    payloads: rtp.map(({ payload }) => payload).join(' '),
    rtp,
    fmtp,
    rtcpFb: feedbackLines(codec.offered, main.rtcpFeedback ?? []),
    ext: (rtpParameters.headerExtensions ?? [])
      .filter(({ id, uri }) => ids.has(`${id} ${uri}`))
      .map(({ id, uri }) => ({ value: id, uri })),
    // One stream id for all tracks: players show `event.streams[0]`.
    msid: [{ id: streamName, appdata: media.kind }],
    ...ssrcLines(rtpParameters, rtx),
  }
}

interface Rtx {
  readonly payloadType: number
  readonly ssrc: number
}

/** rtx as sent, if it has the offered payload type and apt. */
function rtxOf(sent: RtpParameters, offered: OfferedCodec): Rtx | undefined {
  const { rtxPayloadType } = offered
  const ssrc = sent.encodings?.[0]?.rtx?.ssrc
  if (rtxPayloadType === undefined || ssrc === undefined) return undefined
  const codec = codecOf(sent, rtxPayloadType)
  const matches =
    /\/rtx$/i.test(codec?.mimeType ?? '') &&
    codec?.parameters?.['apt'] === offered.payloadType
  return matches ? { payloadType: rtxPayloadType, ssrc } : undefined
}

function codecOf({ codecs }: RtpParameters, payloadType: number) {
  return codecs.find(codec => codec.payloadType === payloadType)
}

function feedbackLines(
  { payloadType, rtcpFeedback }: OfferedCodec,
  sent: readonly RtcpFeedback[],
): NonNullable<MediaDescription['rtcpFb']> {
  const offered = new Set(rtcpFeedback.map(feedbackText))
  return sent
    .filter(feedback => offered.has(feedbackText(feedback)))
    .map(({ type, parameter }) => ({
      payload: payloadType,
      type,
      ...(parameter && { subtype: parameter }),
    }))
}

function feedbackText({ type, parameter = '' }: RtcpFeedback): string {
  return `${type} ${parameter}`.trim()
}

/** libdatachannel and werift route RTP by SSRC only: they need these lines. */
function ssrcLines({ encodings, rtcp }: RtpParameters, rtx: Rtx | undefined) {
  const ssrc = encodings?.[0]?.ssrc
  if (ssrc === undefined) throw new Error('Cannot answer without an ssrc')
  const all = rtx === undefined ? [ssrc] : [ssrc, rtx.ssrc]
  const value = rtcp?.cname ?? 'dragonfork'
  return {
    ssrcs: all.map(id => ({ id, attribute: 'cname', value })),
    ...(rtx !== undefined && {
      ssrcGroups: [{ semantics: 'FID', ssrcs: all.join(' ') }],
    }),
  }
}
