import {
  audioFilters,
  DEFAULT_MAX_FPS,
  videoFilters,
  type OutputSettings,
} from './filter-chain.ts'
import { splitOptions } from '../encoder-options.ts'
import type { LegPlan } from '../leg-plan.ts'
import type { ManagedAudio, ManagedVideo } from '../webrtc-config.ts'
import { encoderArguments, DEFAULT_ENCODER } from './video-encoders.ts'

/** The ports of one leg: where we receive, and those that FFmpeg binds. */
export interface LegPorts {
  readonly rtp: number
  readonly rtcp: number
  readonly localRtp: number
  readonly localRtcp: number
}

export interface LegOutput {
  readonly plan: LegPlan
  readonly ports: LegPorts
  readonly cname: string
  /** RTP sequence number of the first packet. */
  readonly firstSequence: number
}

const VIDEO_KBIT = { h264: 1_500, vp8: 1_000 } as const
const AUDIO_KBIT = 96
const KEY_FRAME_INTERVAL_S = 1
/** Below 1, so that the interval is kept at any frame rate. */
const KEY_FRAME_TOLERANCE = 0.95
/** Long enough that -force_key_frames alone decides. */
const MAX_GOP_FRAMES = 100_000

/**
 * An empty output. If all outputs are RTP, FFmpeg 6 and later describe them in
 * one SDP, and so send nothing before all of them have started.
 */
export const NO_SDP_OUTPUT = ['-f', 'ffmetadata', 'pipe:1'] as const

/** Returns FFmpeg's arguments for the output of the video leg. */
export function videoOutput(
  video: ManagedVideo,
  output: LegOutput,
  settings: OutputSettings,
): readonly string[] {
  return [
    ...selection(['-an', '-sn', '-dn'], settings),
    ...videoCodec(video, settings),
    ...rtpOutput(output, settings),
  ]
}

/** Returns FFmpeg's arguments for the output of the audio leg. */
export function audioOutput(
  audio: ManagedAudio,
  output: LegOutput,
  settings: OutputSettings,
): readonly string[] {
  return [
    ...selection(['-vn', '-sn', '-dn'], settings),
    ...audioCodec(audio, settings),
    ...rtpOutput(output, settings),
  ]
}

/** Without `map`, FFmpeg selects a stream from any of the inputs. */
function selection(
  without: readonly string[],
  { map }: OutputSettings,
): readonly string[] {
  return map === undefined ? without : ['-map', map]
}

function videoCodec(
  video: ManagedVideo,
  settings: OutputSettings,
): readonly string[] {
  switch (video.codec) {
    case 'h264':
    case 'vp8': {
      const { encoder, others, x264Params } = splitOptions(video.options)
      const { fps = DEFAULT_MAX_FPS } = video
      return [
        ...encoderArguments(
          encoder ?? DEFAULT_ENCODER[video.codec],
          fps,
          x264Params,
        ),
        ...frames(video, settings),
        ...bitrate(video.bitrate_kbit ?? VIDEO_KBIT[video.codec]),
        ...others,
      ]
    }
    case 'copy':
      // mediasoup detects key frames by the SPS in the stream; files and FLV
      // have it in their header. (FFmpeg 5.1 closes these filters when it
      // loops an input: the leg then falls silent.)
      return [
        ...['-c:v', 'copy'],
        ...['-bsf:v', 'h264_mp4toannexb,dump_extra=freq=keyframe'],
      ]
    case 'none':
      return []
  }
}

/**
 * Passes frames through without duplicates, with key frames at an interval:
 * FFmpeg ignores key frame requests, so new viewers wait for the next one.
 */
function frames(
  video: ManagedVideo,
  settings: OutputSettings,
): readonly string[] {
  const { key_frame_seconds = KEY_FRAME_INTERVAL_S } = video
  const interval = key_frame_seconds * KEY_FRAME_TOLERANCE
  const since = `gte(t,prev_forced_t+${interval})`
  return [
    ...['-vf', videoFilters(video, settings)],
    ...['-fps_mode', 'vfr', '-enc_time_base', '1/90000'],
    ...['-g', `${MAX_GOP_FRAMES}`],
    ...['-force_key_frames', `expr:isnan(prev_forced_t)+${since}`],
  ]
}

function bitrate(kbit: number): readonly string[] {
  const rate = `${kbit}k`
  const buffer = `${Math.ceil(kbit / 2)}k`
  return ['-b:v', rate, '-maxrate', rate, '-bufsize', buffer]
}

function audioCodec(
  audio: ManagedAudio,
  settings: OutputSettings,
): readonly string[] {
  if (audio.codec === 'copy') {
    // The filter rejects all codecs but Opus, so that no other is sent under
    // its payload type. It changes the header only, which RTP does not carry.
    return ['-c:a', 'copy', '-bsf:a', 'opus_metadata']
  }
  const { encoder = 'libopus', others } = splitOptions(audio.options)
  return [
    ...['-c:a', encoder, '-b:a', `${audio.bitrate_kbit ?? AUDIO_KBIT}k`],
    ...['-ac', '2', '-ar', '48000'],
    ...(encoder === 'libopus' ? ['-frame_duration', '20'] : []),
    ...['-af', audioFilters(audio, settings)],
    ...others,
  ]
}

function rtpOutput(
  output: LegOutput,
  { startedMs }: OutputSettings,
): readonly string[] {
  const { plan, ports, cname, firstSequence } = output
  const query = new URLSearchParams({
    rtcpport: `${ports.rtcp}`,
    localrtpport: `${ports.localRtp}`,
    localrtcpport: `${ports.localRtcp}`,
    // FFmpeg's default plus the SRTP tag exceeds an Ethernet frame.
    pkt_size: '1200',
    // Reports a closed port as an error, instead of sending into the void.
    connect: '1',
  })
  return [
    // The same for all legs: otherwise the sender reports of a leg that starts
    // later would put it on another time base.
    ...['-start_time_realtime', `${startedMs * 1_000}`],
    ...['-f', 'rtp', '-payload_type', `${plan.payloadType}`],
    ...['-ssrc', `${plan.ssrc}`, '-seq', `${firstSequence}`],
    ...['-cname', cname, `rtp://127.0.0.1:${ports.rtp}?${query.toString()}`],
  ]
}
