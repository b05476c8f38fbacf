import { parseParams, type MediaDescription } from 'sdp-transform'
import type { AudioCodec, OfferedCodec, VideoCodec } from './stream-port.ts'
import type { OfferSection } from './offer.ts'

type Rtpmap = MediaDescription['rtp'][number]
type Fmtp = MediaDescription['fmtp'][number]

/** A codec of the offer that the stream has, with what the answer repeats. */
export interface ChosenCodec {
  readonly offered: OfferedCodec
  readonly rtpmap: Rtpmap
  /** The offered parameters to the letter: older Firefox needs them back. */
  readonly fmtp: Fmtp | undefined
}

interface Format extends Pick<ChosenCodec, 'rtpmap' | 'fmtp'> {
  readonly payloadType: number
  /** The codec in lower case. */
  readonly name: string
  /** The fmtp parameters, names and values in lower case. */
  readonly parameters: Readonly<Record<string, string | number>>
}

/** How well a format fits: lower is better, undefined not at all. */
type Fit = (format: Format) => number | undefined

const FITS = {
  h264: fitH264,
  vp8: ({ name, rtpmap }) =>
    name === 'vp8' && rtpmap.rate === 90_000 ? 0 : undefined,
  opus: ({ name, rtpmap: { rate, encoding: channels = 2 } }) =>
    name === 'opus' && rate === 48_000 && channels === 2 ? 0 : undefined,
} as const satisfies Record<VideoCodec | AudioCodec, Fit>

/**
 * H264 is sent with packetization-mode 1 (RFC 6184, 6.2), so an offer must
 * have that; it is 0 unless given. Profiles match leniently. Best is
 * constrained baseline, which is what we declare (and Chromium's payload type
 * of it needs no router of its own); then whatever is baseline or main; other
 * profiles last, since whoever decodes High decodes ours too.
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
 * Chooses the payload type of `section` that carries `codec`, in the order
 * of the offer. `taken` are payload types that other sections of the same
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
    // RFC 5761, 4: 64 to 95 would look like RTCP on a muxed port.
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

/** Names and values in lower case: only hexadecimal ones have a case. */
function readParameters(config: string): Record<string, string | number> {
  const parameters = parseParams(config.trim().toLowerCase())
  const entries = Object.entries(parameters).flatMap(([name, value]) => {
    if (value === undefined) return []
    // profile-level-id is hexadecimal, also where it looks like a number.
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
