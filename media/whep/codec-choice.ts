import { parseParams, type MediaDescription } from 'sdp-transform'
import type { AudioCodec, OfferedCodec, VideoCodec } from './stream-port.ts'
import type { OfferSection } from './offer.ts'

type Rtpmap = MediaDescription['rtp'][number]
type Fmtp = MediaDescription['fmtp'][number]

/** The stream's codec in the offer, with the lines that the answer repeats. */
export interface ChosenCodec {
  readonly offered: OfferedCodec
  readonly rtpmap: Rtpmap
  /** The offered line, unchanged: older Firefox expects it back. */
  readonly fmtp: Fmtp | undefined
}

interface Format extends Pick<ChosenCodec, 'rtpmap' | 'fmtp'> {
  readonly payloadType: number
  /** Name of the codec in lower case. */
  readonly name: string
  /** The fmtp parameters, names and values in lower case. */
  readonly parameters: Readonly<Record<string, string | number>>
}

/** How well a format fits: lower is better; undefined: not at all. */
type Fit = (format: Format) => number | undefined

const FITS = {
  h264: fitH264,
  vp8: ({ name, rtpmap }) =>
    name === 'vp8' && rtpmap.rate === 90_000 ? 0 : undefined,
  opus: ({ name, rtpmap: { rate, encoding: channels = 2 } }) =>
    name === 'opus' && rate === 48_000 && channels === 2 ? 0 : undefined,
} as const satisfies Record<VideoCodec | AudioCodec, Fit>

/**
 * H264 is sent with packetization-mode 1 (RFC 6184, 6.2), so the offer must
 * have it; the default is 0. Profiles match leniently. Constrained baseline is
 * best: it is what we declare, and its payload type in Chromium needs no
 * further router. Then baseline and main; other profiles are last, since a
 * decoder for High can decode our stream too.
 */
function fitH264({ name, rtpmap, parameters }: Format): number | undefined {
  if (name !== 'h264' || rtpmap.rate !== 90_000) return undefined
  if (parameters['packetization-mode'] !== 1) return undefined
  const profile = String(parameters['profile-level-id'] ?? '420010')
  if (!/^[0-9a-f]{6}$/i.test(profile)) return undefined
  // RFC 6184, table 5: profile_idc 42 with constraint_set1.
  if (/^42[4-7c-f]/i.test(profile)) return 0
  return /^(42|4d|58)/i.test(profile) ? 1 : 2
}

/**
 * Chooses the payload type of `section` for `codec`; of equal ones the first
 * in the offer. `taken` are payload types that other sections of the same
 * transport use already.
 */
export function chooseCodec(
  section: OfferSection,
  codec: VideoCodec | AudioCodec,
  taken: ReadonlySet<number>,
): ChosenCodec | undefined {
  const formats = readFormats(section)
  const fit = FITS[codec]
  let best: { fit: number; format: Format } | undefined
  for (const format of formats) {
    const fits = fit(format)
    if (fits === undefined || taken.has(format.payloadType)) continue
    if (best === undefined || fits < best.fit) best = { fit: fits, format }
  }
  if (best === undefined) return undefined
  const { payloadType, rtpmap, fmtp } = best.format
  const rtx = formats.find(
    ({ name, parameters: { apt }, payloadType: own }) =>
      name === 'rtx' && apt === payloadType && !taken.has(own),
  )
  return {
    rtpmap,
    fmtp,
    offered: {
      payloadType,
      ...(rtx === undefined ? {} : { rtxPayloadType: rtx.payloadType }),
      rtcpFeedback: readFeedback(section, payloadType),
    },
  }
}

function readFormats(section: OfferSection): readonly Format[] {
  const { rtp = [], fmtp = [] } = section.attributes
  return section.formats.flatMap(text => {
    const payloadType = Number(text)
    // RFC 5761, 4: on a muxed port, 64 to 95 look like RTCP.
    const usable = payloadType < 64 || (payloadType > 95 && payloadType < 128)
    const map = rtp.find(({ payload }) => payload === payloadType)
    if (!usable || map === undefined) return []
    const config = fmtp.find(({ payload }) => payload === payloadType)?.config
    const rtpmap = {
      payload: payloadType,
      codec: String(map.codec),
      rate: Number(map.rate),
      ...(map.encoding !== undefined && { encoding: Number(map.encoding) }),
    }
    return {
      payloadType,
      rtpmap,
      fmtp: config
        ? { payload: payloadType, config: String(config) }
        : undefined,
      name: rtpmap.codec.toLowerCase(),
      parameters: readParameters(String(config ?? '')),
    }
  })
}

/** Names and values in lower case; the case only differs in hexadecimal. */
function readParameters(config: string): Record<string, string | number> {
  const parameters = parseParams(config.trim().toLowerCase())
  const entries = Object.entries(parameters).flatMap(([name, value]) => {
    if (value === undefined) return []
    // profile-level-id is hexadecimal, even if it looks like a decimal.
    return [
      [name, name === 'profile-level-id' ? String(value) : value] as const,
    ]
  })
  return Object.fromEntries(entries)
}

function readFeedback(
  { attributes }: OfferSection,
  payloadType: number,
): OfferedCodec['rtcpFeedback'] {
  return (attributes.rtcpFb ?? [])
    .filter(({ payload }) => payload === '*' || payload === payloadType)
    .map(({ type, subtype }) => ({
      type: String(type),
      ...(subtype !== undefined && { parameter: String(subtype) }),
    }))
}
