import type { AudioCodec, OfferedCodec, VideoCodec } from '../router/viewer.ts'
import type { OfferSection } from './offer.ts'
import { attributesOf } from './sdp-text.ts'

/** A codec of the offer that the stream has, with what the answer repeats. */
export interface ChosenCodec {
  readonly offered: OfferedCodec
  /** As offered, such as `H264/90000`. */
  readonly rtpmap: string
  /** The offered parameters to the letter: older Firefox needs them back. */
  readonly fmtp: string | undefined
}

interface Format {
  readonly payloadType: number
  readonly rtpmap: string
  readonly name: string
  readonly fmtp: string | undefined
  readonly parameters: OfferedCodec['parameters']
}

/** How well a format fits: lower is better, undefined not at all. */
type Fit = (format: Format) => number | undefined

const FITS = {
  h264: fitH264,
  vp8: ({ name, rtpmap }) =>
    name === 'vp8' && rtpmap.endsWith('/90000') ? 0 : undefined,
  opus: ({ name, rtpmap }) =>
    name === 'opus' && /\/48000(\/2)?$/.test(rtpmap) ? 0 : undefined,
} as const satisfies Record<VideoCodec | AudioCodec, Fit>

/**
 * H264 is sent with packetization-mode 1 (RFC 6184, 6.2), so an offer must
 * have that; it is 0 unless given. Profiles match leniently. Best is
 * constrained baseline, which is what we declare (and Chromium's payload type
 * of it needs no router of its own); then whatever is baseline or main; other
 * profiles last, since whoever decodes High decodes ours too.
 */
function fitH264({ name, rtpmap, parameters }: Format): number | undefined {
  if (name !== 'h264' || !rtpmap.endsWith('/90000')) return undefined
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
  const { payloadType, parameters, rtpmap, fmtp } = best.format
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
      parameters,
    },
  }
}

function readFormats(section: OfferSection): readonly Format[] {
  const rtpmaps = byPayloadType(section, 'rtpmap')
  const fmtps = byPayloadType(section, 'fmtp')
  return section.formats.flatMap(text => {
    const payloadType = /^\d{1,3}$/.test(text) ? Number(text) : NaN
    const rtpmap = rtpmaps.get(payloadType)
    // RFC 5761, 4: 64 to 95 would look like RTCP on a muxed port.
    const usable = payloadType < 64 || (payloadType > 95 && payloadType < 128)
    if (!usable || rtpmap === undefined) return []
    const fmtp = fmtps.get(payloadType)
    const name = rtpmap.split('/', 1)[0]?.toLowerCase() ?? ''
    const parameters = readParameters(fmtp ?? '')
    return [{ payloadType, rtpmap, name, fmtp, parameters }]
  })
}

/** `a=name:<pt> <text>` lines as a map; the first of a payload type counts. */
function byPayloadType(
  { attributes }: OfferSection,
  name: string,
): ReadonlyMap<number, string> {
  const map = new Map<number, string>()
  for (const value of attributesOf(attributes, name)) {
    const [, payloadType, text] = /^(\d{1,3}) +(\S.*)$/.exec(value) ?? []
    const key = Number(payloadType)
    if (text !== undefined && !map.has(key)) map.set(key, text)
  }
  return map
}

/** `a=1;b=2` as a record; whole numbers as numbers, other values as text. */
function readParameters(text: string): Record<string, string | number> {
  const entries = text.split(';').flatMap(item => {
    const [, name, value] = /^\s*([\w-]+)=(\S+)\s*$/.exec(item) ?? []
    if (name === undefined || value === undefined) return []
    const key = name.toLowerCase()
    // profile-level-id is hexadecimal, also where it looks like a number.
    const whole = /^(0|[1-9]\d{0,8})$/.test(value) && key !== 'profile-level-id'
    return [[key, whole ? Number(value) : value] as const]
  })
  return Object.fromEntries(entries)
}

function readFeedback(
  { attributes }: OfferSection,
  payloadType: number,
): OfferedCodec['rtcpFeedback'] {
  return attributesOf(attributes, 'rtcp-fb').flatMap(value => {
    const [, target, type, parameter] =
      /^(\*|\d{1,3}) ([\w-]+)(?: ([\w-]+))?/.exec(value) ?? []
    if (type === undefined) return []
    if (target !== '*' && Number(target) !== payloadType) return []
    return [parameter === undefined ? { type } : { type, parameter }]
  })
}
