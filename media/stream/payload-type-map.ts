import type { RouterRtpCodecCapability } from 'mediasoup/types'

import { codecParameters } from '../ingest/leg-plan.ts'
import type { StreamCodecs, ViewerMedia } from '../whep/stream-port.ts'

/**
 * The payload type of each codec. mediasoup sends each viewer the payload
 * types of its router, never the viewer's own (mediasoup issue 1126), so there
 * is one router per map.
 */
export interface PayloadTypeMap {
  readonly video?: { readonly payloadType: number; readonly rtx?: number }
  readonly audio?: { readonly payloadType: number }
}

/** What Chromium offers, so that its viewers need no pipe. */
const CHROMIUM = {
  h264: { payloadType: 108, rtx: 109 },
  vp8: { payloadType: 96, rtx: 97 },
  opus: { payloadType: 111 },
} as const

/** Payload types that mediasoup assigns to rtx, in the order it takes them. */
const RTX_ORDER = [
  ...Array.from({ length: 28 }, (_, index) => 100 + index),
  ...[96, 97, 98, 99],
]

/** The map of the ingest router: Chromium's. */
export function ingestMap(codecs: StreamCodecs): PayloadTypeMap {
  return {
    ...(codecs.video && { video: CHROMIUM[codecs.video] }),
    ...(codecs.audio && { audio: CHROMIUM[codecs.audio] }),
  }
}

/** The map of an offer; without an rtx that mediasoup cannot assign. */
export function offeredMap(media: readonly ViewerMedia[]): PayloadTypeMap {
  const video = media.find(({ kind }) => kind === 'video')?.codec
  const audio = media.find(({ kind }) => kind === 'audio')?.codec
  const rtx = video?.rtxPayloadType
  const taken = [video?.payloadType, audio?.payloadType]
  const keepsRtx =
    rtx !== undefined && RTX_ORDER.includes(rtx) && !taken.includes(rtx)
  return {
    ...(video && {
      video: { payloadType: video.payloadType, ...(keepsRtx && { rtx }) },
    }),
    ...(audio && { audio: { payloadType: audio.payloadType } }),
  }
}

/** Whether a router with the map `router` can serve an offer with `offered`. */
export function canServe(
  router: PayloadTypeMap,
  { video, audio }: PayloadTypeMap,
): boolean {
  return (
    (audio === undefined || audio.payloadType === router.audio?.payloadType) &&
    (video === undefined ||
      (video.payloadType === router.video?.payloadType &&
        (video.rtx === undefined || video.rtx === router.video.rtx)))
  )
}

/** A string that is equal for equal maps. */
export function mapKey({ video, audio }: PayloadTypeMap): string {
  return [video?.payloadType, video?.rtx, audio?.payloadType].join('/')
}

/** The codecs to create a router with, for it to use these payload types. */
export function routerCodecs(
  codecs: StreamCodecs,
  { video, audio }: PayloadTypeMap,
): RouterRtpCodecCapability[] {
  return [
    ...(audio && codecs.audio
      ? [codec('audio', codecs.audio, audio.payloadType)]
      : []),
    ...(video && codecs.video
      ? [
          ...rtxPadding(video.rtx, [video.payloadType, audio?.payloadType]),
          codec('video', codecs.video, video.payloadType),
        ]
      : []),
  ]
}

function codec(
  kind: 'video' | 'audio',
  name: 'h264' | 'vp8' | 'opus',
  preferredPayloadType: number,
): RouterRtpCodecCapability {
  const { mimeType, clockRate, channels, parameters } = codecParameters(
    name,
    preferredPayloadType,
  )
  return {
    kind,
    mimeType,
    clockRate,
    preferredPayloadType,
    ...(channels !== undefined && { channels }),
    ...(parameters !== undefined && { parameters }),
  }
}

/**
 * mediasoup offers no way to set the rtx payload type of a router: it takes
 * the first free one of its list. So an unused codec occupies all before it.
 */
function rtxPadding(
  rtx: number | undefined,
  taken: readonly (number | undefined)[],
): RouterRtpCodecCapability[] {
  if (rtx === undefined) return []
  return RTX_ORDER.slice(0, RTX_ORDER.indexOf(rtx))
    .filter(payloadType => !taken.includes(payloadType))
    .map(preferredPayloadType => ({
      kind: 'audio',
      mimeType: 'audio/telephone-event',
      clockRate: 8_000,
      preferredPayloadType,
    }))
}
