import type { RouterRtpCodecCapability } from 'mediasoup/types'

import { codecParameters } from '../ingest/leg-plan.ts'
import type { StreamCodecs, ViewerMedia } from '../whep/stream-port.ts'

/**
 * The payload types that a viewer wants. mediasoup sends each viewer the
 * payload types of its router, never the viewer's (mediasoup issue 1126), so
 * there is one router per layout.
 */
export interface Layout {
  readonly video?: { readonly payloadType: number; readonly rtx?: number }
  readonly audio?: { readonly payloadType: number }
}

/** What Chromium offers, so that its viewers need no pipe. */
const CHROMIUM = {
  h264: { payloadType: 108, rtx: 109 },
  vp8: { payloadType: 96, rtx: 97 },
  opus: { payloadType: 111 },
} as const

/** Payload types that mediasoup gives to rtx, in the order it takes them. */
const RTX_ORDER = [
  ...Array.from({ length: 28 }, (_, index) => 100 + index),
  ...[96, 97, 98, 99],
]

/** The layout of the router that the legs feed. */
export function ownLayout(codecs: StreamCodecs): Layout {
  return {
    ...(codecs.video && { video: CHROMIUM[codecs.video] }),
    ...(codecs.audio && { audio: CHROMIUM[codecs.audio] }),
  }
}

/** The layout of an offer; rtx only where a router can have that number. */
export function layoutOf(media: readonly ViewerMedia[]): Layout {
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

/** Whether a router of layout `has` can serve a viewer that wants `wants`. */
export function serves(has: Layout, wants: Layout): boolean {
  const { video, audio } = wants
  return (
    (audio === undefined || audio.payloadType === has.audio?.payloadType) &&
    (video === undefined ||
      (video.payloadType === has.video?.payloadType &&
        (video.rtx === undefined || video.rtx === has.video.rtx)))
  )
}

/** The layout as a key of a map. */
export function layoutKey({ video, audio }: Layout): string {
  return [video?.payloadType, video?.rtx, audio?.payloadType].join('/')
}

/** The codecs of a router that has this layout. */
export function routerCodecs(
  codecs: StreamCodecs,
  { video, audio }: Layout,
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
 * A router cannot be told its rtx payload type: it takes the first that is
 * left. So all before the wanted one are given to a codec that nobody uses.
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
