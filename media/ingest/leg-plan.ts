import type {
  MediaKind,
  RtpCodecParameters,
  RtpParameters,
} from 'mediasoup/types'

import type { ManagedWebrtc, WebrtcConfig } from './webrtc-config.ts'

/** What a leg carries, after FFmpeg or as an external sender sends it. */
export type LegCodec = 'h264' | 'vp8' | 'opus'

/** What a leg sends to us. */
export interface LegPlan {
  readonly kind: MediaKind
  readonly codec: LegCodec
  readonly payloadType: number
  readonly ssrc: number
}

// An FFmpeg option takes an SSRC as a signed number: less than 2^31.
const SSRC = { video: 2222, audio: 1111 } as const
const PAYLOAD_TYPE = { h264: 102, vp8: 96, opus: 111 } as const

/** The legs of a stream, video first; a kind that it lacks has none. */
export function planLegs(config: WebrtcConfig): readonly LegPlan[] {
  if (!config.enabled) return []
  const codecs =
    config.ingest === 'managed'
      ? managedCodecs(config)
      : { video: config.video.codec, audio: config.audio.codec }
  return (['video', 'audio'] as const).flatMap(kind => {
    const codec = codecs[kind]
    if (codec === 'none') return []
    const payloadType =
      config.ingest === 'external'
        ? config[kind].payload_type
        : PAYLOAD_TYPE[codec]
    return [{ kind, codec, payloadType, ssrc: SSRC[kind] }]
  })
}

function managedCodecs({ video, audio }: ManagedWebrtc) {
  return {
    // Only H264 can be copied: it needs no more than bitstream filters.
    video: video.codec === 'copy' ? 'h264' : video.codec,
    audio: audio.codec === 'copy' ? 'opus' : audio.codec,
  } as const
}

/**
 * The parameters of a leg's producer. Without RTCP feedback: FFmpeg neither
 * sends again nor makes key frames when asked. The same CNAME on both legs
 * is what lets viewers play them in sync.
 */
export function producerParameters(
  plan: LegPlan,
  cname: string,
): RtpParameters {
  return {
    codecs: [codecParameters(plan.codec, plan.payloadType)],
    encodings: [{ ssrc: plan.ssrc }],
    rtcp: { cname },
  }
}

/**
 * The codec under the given payload type. H264 is always declared as
 * constrained baseline, packetization-mode 1: what every player offers, and
 * decodes whatever profile really comes.
 */
export function codecParameters(
  codec: LegCodec,
  payloadType: number,
): RtpCodecParameters {
  switch (codec) {
    case 'h264':
      return {
        mimeType: 'video/H264',
        payloadType,
        clockRate: 90_000,
        parameters: {
          'packetization-mode': 1,
          'profile-level-id': '42e01f',
          'level-asymmetry-allowed': 1,
        },
      }
    case 'vp8':
      return { mimeType: 'video/VP8', payloadType, clockRate: 90_000 }
    case 'opus':
      return {
        mimeType: 'audio/opus',
        payloadType,
        clockRate: 48_000,
        channels: 2,
      }
  }
}
