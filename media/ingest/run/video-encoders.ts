/** The encoder of a video leg if the operator names none. */
export const DEFAULT_ENCODER = { h264: 'libx264', vp8: 'libvpx' } as const

const SOFTWARE: readonly string[] = ['libx264', 'libopenh264', 'libvpx']

/** Whether the encoder reads frames from memory, in yuv420p. */
export function isSoftwareEncoder(encoder: string | undefined): boolean {
  return encoder === undefined || SOFTWARE.includes(encoder)
}

/**
 * What other encoders than ours need for low latency, no B-frames, a profile
 * that every browser plays, and IDR frames where we force key frames. Names
 * and values are those of FFmpeg 5.1 and 7.1.
 */
const ARGUMENTS: Readonly<Record<string, readonly string[]>> = {
  libvpx: [
    ...['-deadline', 'realtime', '-cpu-used', '8'],
    ...['-lag-in-frames', '0', '-auto-alt-ref', '0'],
    ...['-error-resilient', '1'],
  ],
  // Makes constrained baseline without B-frames by itself.
  libopenh264: [],
  h264_nvenc: [
    ...['-preset', 'p4', '-tune', 'll', '-profile:v', 'baseline', '-bf', '0'],
    ...['-forced-idr', '1', '-zerolatency', '1', '-delay', '0'],
  ],
  h264_qsv: [
    ...['-preset', 'veryfast', '-profile:v', 'baseline', '-bf', '0'],
    ...['-forced_idr', '1', '-async_depth', '1'],
  ],
  h264_vaapi: [
    ...['-profile:v', 'constrained_baseline', '-bf', '0'],
    ...['-async_depth', '1'],
  ],
}

/**
 * Returns FFmpeg's arguments for a video encoder.
 * @param fps maximum frame rate
 * @param x264Params of the operator, after ours
 */
export function encoderArguments(
  encoder: string,
  fps: number,
  x264Params: string | undefined,
): readonly string[] {
  if (encoder !== 'libx264') {
    return [
      ...['-c:v', encoder, ...(ARGUMENTS[encoder] ?? ['-bf', '0'])],
      // FFmpeg warns that this encoder does not use them.
      ...(x264Params === undefined ? [] : ['-x264-params', x264Params]),
    ]
  }
  // The tune assumes a constant frame rate: the nominal one, which for some
  // inputs is their clock rate.
  const rate = `force-cfr=0:fps=${fps}`
  const params = x264Params === undefined ? rate : `${rate}:${x264Params}`
  return [
    ...['-c:v', 'libx264', '-preset', 'veryfast', '-tune', 'zerolatency'],
    // Browsers do not play B-frames.
    ...['-profile:v', 'baseline', '-bf', '0', '-sc_threshold', '0'],
    ...['-x264-params', params],
  ]
}
