import type { RtcpFeedback, RtpParameters } from 'mediasoup/types'
import type { OfferedCodec, ViewerTransport } from '../router/viewer.ts'
import type { AcceptedSection } from './negotiation.ts'

/** What of an accepted section depends on what is really sent. */
export interface MediaLines {
  /** Payload types of the `m=` line: the codec, and rtx where it is sent. */
  readonly formats: readonly number[]
  readonly lines: readonly string[]
}

/**
 * Writes the codec lines of a section. Payload types and extension ids are
 * the offer's; only what is sent and was offered is listed, since browsers
 * take what is listed for granted and then show nothing, without an error.
 */
export function writeMedia(
  { section, codec, media }: AcceptedSection,
  transport: ViewerTransport,
  streamName: string,
): MediaLines {
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
  return {
    formats: [payloadType, ...(rtx === undefined ? [] : [rtx.payloadType])],
    lines: [
      ...(rtpParameters.headerExtensions ?? [])
        .map(({ id, uri }) => `${id} ${uri}`)
        .filter(extension => ids.has(extension))
        .map(extension => `a=extmap:${extension}`),
      // One stream id for all tracks: players show `event.streams[0]`.
      `a=msid:${streamName} ${media.kind}`,
      `a=rtpmap:${payloadType} ${codec.rtpmap}`,
      ...feedbackLines(codec.offered, main.rtcpFeedback ?? []),
      ...(codec.fmtp === undefined
        ? []
        : [`a=fmtp:${payloadType} ${codec.fmtp}`]),
      ...rtxLines(rtx, payloadType),
      ...ssrcLines(rtpParameters, rtx),
    ],
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
    codec !== undefined &&
    /\/rtx$/i.test(codec.mimeType) &&
    parameterOf(codec, 'apt') === offered.payloadType
  return kept ? { payloadType: rtxPayloadType, ssrc } : undefined
}

type SentCodec = RtpParameters['codecs'][number]

function codecOf(
  { codecs }: RtpParameters,
  payloadType: number,
): SentCodec | undefined {
  return codecs.find(codec => codec.payloadType === payloadType)
}

function parameterOf({ parameters }: SentCodec, name: string): unknown {
  const record: Record<string, unknown> = parameters ?? {}
  return record[name]
}

function feedbackLines(
  { payloadType, rtcpFeedback }: OfferedCodec,
  sent: readonly RtcpFeedback[],
): readonly string[] {
  const known = new Set(sent.map(feedbackText))
  const both = rtcpFeedback.map(feedbackText).filter(text => known.has(text))
  return [...new Set(both)].map(text => `a=rtcp-fb:${payloadType} ${text}`)
}

function feedbackText({ type, parameter = '' }: RtcpFeedback): string {
  return `${type} ${parameter}`.trim()
}

function rtxLines(rtx: Rtx | undefined, apt: number): readonly string[] {
  if (rtx === undefined) return []
  return [
    `a=rtpmap:${rtx.payloadType} rtx/90000`,
    `a=fmtp:${rtx.payloadType} apt=${apt}`,
  ]
}

/** libdatachannel and werift route by these alone; without: no media. */
function ssrcLines(
  { encodings, rtcp }: RtpParameters,
  rtx: Rtx | undefined,
): readonly string[] {
  const ssrc = encodings?.[0]?.ssrc
  if (ssrc === undefined) throw new Error('Cannot answer without an ssrc')
  const all = rtx === undefined ? [ssrc] : [ssrc, rtx.ssrc]
  const cname = rtcp?.cname ?? 'dragonfork'
  return [
    ...(rtx === undefined ? [] : [`a=ssrc-group:FID ${all.join(' ')}`]),
    ...all.map(id => `a=ssrc:${id} cname:${cname}`),
  ]
}
