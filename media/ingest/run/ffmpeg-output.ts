import {
  audioFilters,
  MOST_FPS,
  videoFilters,
  type Treatment,
} from './filter-chain.ts'
import type { LegPlan } from '../leg-plan.ts'
import type { ManagedAudio, ManagedVideo } from '../webrtc-config.ts'

/** The ports of one leg, ours and those that FFmpeg binds. */
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
/** So that there is a key frame in every second, at any frame rate. */
const KEY_FRAME_S = 0.95
/** Frames from key frame to key frame, were there none by the clock. */
const MOST_FRAMES = 100_000

/**
 * An output of nothing to nowhere. Where all outputs are RTP, FFmpeg 6 and
 * later send nothing before all have begun, since it describes them in an SDP.
 */
export const NO_SDP_OUTPUT = ['-f', 'ffmetadata', 'pipe:1'] as const

/** FFmpeg's arguments for the video leg's output. */
export function videoOutput(
  video: ManagedVideo,
  output: LegOutput,
  treatment: Treatment,
): readonly string[] {
  return [
    ...picked(['-an', '-sn', '-dn'], treatment),
    ...videoCodec(video, treatment),
    ...rtpOutput(output, treatment),
  ]
}

/** FFmpeg's arguments for the audio leg's output. */
export function audioOutput(
  audio: ManagedAudio,
  output: LegOutput,
  treatment: Treatment,
): readonly string[] {
  return [
    ...picked(['-vn', '-sn', '-dn'], treatment),
    ...audioCodec(audio, treatment),
    ...rtpOutput(output, treatment),
  ]
}

/** FFmpeg picks the stream itself unless told: it may be in any input. */
function picked(
  without: readonly string[],
  { map }: Treatment,
): readonly string[] {
  return map === undefined ? without : ['-map', map]
}

function videoCodec(
  video: ManagedVideo,
  treatment: Treatment,
): readonly string[] {
  switch (video.codec) {
    case 'h264':
      return [
        ...['-c:v', 'libx264', '-preset', 'veryfast', '-tune', 'zerolatency'],
        // Browsers play no B-frames.
        ...['-profile:v', 'baseline', '-bf', '0', '-sc_threshold', '0'],
        // The tune takes the nominal frame rate for the real one.
        ...['-x264-params', 'force-cfr=0'],
        ...frames(video, treatment),
        ...bitrate(video.bitrate_kbit ?? VIDEO_KBIT.h264),
      ]
    case 'vp8':
      return [
        ...['-c:v', 'libvpx', '-deadline', 'realtime', '-cpu-used', '8'],
        ...['-lag-in-frames', '0', '-auto-alt-ref', '0'],
        ...['-error-resilient', '1'],
        ...frames(video, treatment),
        ...bitrate(video.bitrate_kbit ?? VIDEO_KBIT.vp8),
      ]
    case 'copy':
      // mediasoup takes only an SPS in the stream as a key frame; files and
      // FLV keep it in their header. (FFmpeg 5.1 ends these filters at the
      // end of an input that it loops: the leg then falls silent.)
      return [
        ...['-c:v', 'copy'],
        ...['-bsf:v', 'h264_mp4toannexb,dump_extra=freq=keyframe'],
      ]
    case 'none':
      return []
  }
}

/**
 * The frames as they come, none of them twice. A key frame a second, since
 * FFmpeg ignores viewers that ask for one: a viewer who joins waits for the
 * next.
 */
function frames(video: ManagedVideo, treatment: Treatment): readonly string[] {
  const since = `gte(t,prev_forced_t+${KEY_FRAME_S})`
  return [
    ...['-vf', videoFilters(video, treatment)],
    ...['-fps_mode', 'vfr', '-enc_time_base', '1/90000'],
    // What the encoder takes for the frame rate: some inputs name the clock's.
    ...['-fpsmax', `${video.fps ?? MOST_FPS}`],
    ...['-g', `${MOST_FRAMES}`],
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
  treatment: Treatment,
): readonly string[] {
  if (audio.codec === 'copy') {
    // Takes nothing but Opus, so that no other codec leaves under its payload
    // type. It writes a gain into the header, which RTP has not: the packets
    // stay as they are.
    return ['-c:a', 'copy', '-bsf:a', 'opus_metadata']
  }
  return [
    ...['-c:a', 'libopus', '-b:a', `${audio.bitrate_kbit ?? AUDIO_KBIT}k`],
    ...['-ac', '2', '-ar', '48000', '-frame_duration', '20'],
    ...['-af', audioFilters(treatment)],
  ]
}

function rtpOutput(
  output: LegOutput,
  { startedMs }: Treatment,
): readonly string[] {
  const { plan, ports, cname, firstSequence } = output
  const query = new URLSearchParams({
    rtcpport: `${ports.rtcp}`,
    localrtpport: `${ports.localRtp}`,
    localrtcpport: `${ports.localRtcp}`,
    // The default plus the SRTP tag is more than an Ethernet frame.
    pkt_size: '1200',
    // Else a dead port stays silent for ever.
    connect: '1',
  })
  return [
    // The same for all legs: else the reports of one that begins later would
    // say that it belongs to another time.
    ...['-start_time_realtime', `${startedMs * 1_000}`],
    ...['-f', 'rtp', '-payload_type', `${plan.payloadType}`],
    ...['-ssrc', `${plan.ssrc}`, '-seq', `${firstSequence}`],
    ...['-cname', cname, `rtp://127.0.0.1:${ports.rtp}?${query.toString()}`],
  ]
}
