import type { ManagedAudio, ManagedVideo } from './webrtc-config.ts'
import type { LegPlan } from './leg-plan.ts'

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
/**
 * FFmpeg fills up to a constant frame rate. Of inputs that do not tell theirs,
 * such as what browsers record, it takes the clock's for it: 1000 or 90000.
 */
const MOST_FPS = 60

/** FFmpeg's arguments for the video leg's output. */
export function videoOutput(
  video: ManagedVideo,
  output: LegOutput,
): readonly string[] {
  // FFmpeg picks the stream: it may be in any of the inputs.
  return ['-an', '-sn', '-dn', ...videoCodec(video), ...rtpOutput(output)]
}

/** FFmpeg's arguments for the audio leg's output. */
export function audioOutput(
  audio: ManagedAudio,
  output: LegOutput,
): readonly string[] {
  return ['-vn', '-sn', '-dn', ...audioCodec(audio), ...rtpOutput(output)]
}

function videoCodec(video: ManagedVideo): readonly string[] {
  switch (video.codec) {
    case 'h264':
      return [
        ...['-c:v', 'libx264', '-preset', 'veryfast', '-tune', 'zerolatency'],
        // Browsers play no B-frames.
        ...['-profile:v', 'baseline', '-pix_fmt', 'yuv420p', '-bf', '0'],
        ...['-sc_threshold', '0'],
        ...keyFrames(video),
        ...bitrate(video.bitrate_kbit ?? VIDEO_KBIT.h264),
      ]
    case 'vp8':
      return [
        ...['-c:v', 'libvpx', '-deadline', 'realtime', '-cpu-used', '8'],
        ...['-lag-in-frames', '0', '-auto-alt-ref', '0'],
        ...['-error-resilient', '1', '-pix_fmt', 'yuv420p'],
        ...keyFrames(video),
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
 * A key frame a second, since FFmpeg ignores viewers that ask for one: a
 * viewer who joins waits for the next.
 */
function keyFrames({ fps }: ManagedVideo): readonly string[] {
  if (fps !== undefined) {
    return ['-r', `${fps}`, '-g', `${fps}`, '-keyint_min', `${fps}`]
  }
  return [
    ...['-fpsmax', `${MOST_FPS}`],
    ...['-g', '120', '-force_key_frames', 'expr:gte(t,n_forced)'],
  ]
}

function bitrate(kbit: number): readonly string[] {
  const rate = `${kbit}k`
  const buffer = `${Math.ceil(kbit / 2)}k`
  return ['-b:v', rate, '-maxrate', rate, '-bufsize', buffer]
}

function audioCodec(audio: ManagedAudio): readonly string[] {
  if (audio.codec === 'copy') {
    // Takes nothing but Opus, so that no other codec leaves under its payload
    // type. It writes a gain into the header, which RTP has not: the packets
    // stay as they are.
    return ['-c:a', 'copy', '-bsf:a', 'opus_metadata']
  }
  return [
    ...['-c:a', 'libopus', '-b:a', `${audio.bitrate_kbit ?? AUDIO_KBIT}k`],
    ...['-ac', '2', '-ar', '48000', '-frame_duration', '20'],
  ]
}

function rtpOutput(output: LegOutput): readonly string[] {
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
    ...['-f', 'rtp', '-payload_type', `${plan.payloadType}`],
    ...['-ssrc', `${plan.ssrc}`, '-seq', `${firstSequence}`],
    ...['-cname', cname, `rtp://127.0.0.1:${ports.rtp}?${query.toString()}`],
  ]
}
