import type { RtcpFeedback, RtpParameters } from 'mediasoup/types'
import type { MediaDescription } from 'sdp-transform'
import type { OfferedCodec, ViewerTransport } from './stream-port.ts'
import type { AcceptedSection } from './negotiation.ts'

/** What of an accepted section depends on what is really sent. */
type SentMedia = Omit<MediaDescription, 'type' | 'port' | 'protocol'>

/**
 * Describes the codec of a section. Payload types and extension ids are the
 * offer's; only what is sent and was offered is listed, since browsers
 * take what is listed for granted and then show nothing, without an error.
 */
export function describeMedia(
  { section, codec, media }: AcceptedSection,
  transport: ViewerTransport,
  streamName: string,
): SentMedia {
  const sent = transport.sent.find(({ kind }) => kind === media.kind)
  if (sent === undefined)
    throw new Error(`Cannot answer: no ${media.kind} sent`)
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
    rtcpFb: feedbackOf(codec.offered, main.rtcpFeedback ?? []),
    ext: (rtpParameters.headerExtensions ?? [])
      .filter(({ id, uri }) => ids.has(`${id} ${uri}`))
      .map(({ id, uri }) => ({ value: id, uri })),
    // One stream id for all tracks: players show `event.streams[0]`.
    msid: [{ id: streamName, appdata: media.kind }],
    ...ssrcsOf(rtpParameters, rtx),
  }
}

interface Rtx {
  readonly payloadType: number
  readonly ssrc: number
}

/** rtx as sent, if it is the very pair that was offered. */
function rtxOf(sent: RtpParameters, offered: OfferedCodec): Rtx | undefined {
  const { rtxPayloadType } = offered
  const ssrc = sent.encodings?.[0]?.rtx?.ssrc
  if (rtxPayloadType === undefined || ssrc === undefined) return undefined
  const codec = codecOf(sent, rtxPayloadType)
  const kept =
    /\/rtx$/i.test(codec?.mimeType ?? '') &&
    codec?.parameters?.['apt'] === offered.payloadType
  return kept ? { payloadType: rtxPayloadType, ssrc } : undefined
}

function codecOf({ codecs }: RtpParameters, payloadType: number) {
  return codecs.find(codec => codec.payloadType === payloadType)
}

function feedbackOf(
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

/** libdatachannel and werift route by these alone; without: no media. */
function ssrcsOf({ encodings, rtcp }: RtpParameters, rtx: Rtx | undefined) {
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
