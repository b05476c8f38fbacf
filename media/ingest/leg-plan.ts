import type {
  MediaKind,
  RtpCodecParameters,
  RtpParameters,
} from 'mediasoup/types'

import type { ManagedWebrtc, WebrtcConfig } from './webrtc-config.ts'

/** The codec of a leg's RTP. */
export type LegCodec = 'h264' | 'vp8' | 'opus'

/** The RTP stream of one leg. */
export interface LegPlan {
  readonly kind: MediaKind
  readonly codec: LegCodec
  readonly payloadType: number
  readonly ssrc: number
}

// FFmpeg's option -ssrc is a signed integer, so these are below 2^31.
const SSRC = { video: 2222, audio: 1111 } as const
const PAYLOAD_TYPE = { h264: 102, vp8: 96, opus: 111 } as const

/** Returns the legs of a stream, video first, without codec `none`. */
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
    // Copied video is always H264: bitstream filters alone make it playable.
    video: video.codec === 'copy' ? 'h264' : video.codec,
    audio: audio.codec === 'copy' ? 'opus' : audio.codec,
  } as const
}

/**
 * Returns the parameters of a leg's producer. They have no RTCP feedback:
 * FFmpeg neither retransmits nor makes key frames on request. Both legs have
 * the same CNAME, so that viewers play them in sync.
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
 * Returns the parameters of a codec. H264 is always declared as constrained
 * baseline, packetization-mode 1: every player offers it, and players decode
 * other profiles under that name too.
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
