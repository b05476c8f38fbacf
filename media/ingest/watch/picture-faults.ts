/** Faults of the pictures that browsers decode badly or not at all. */
import type { Fault } from '../fault.ts'
import type { LegOrigin } from '../leg-origin.ts'
import type { PictureFormat } from '../rtp/sps.ts'
import type { VideoFacts } from '../run/input-facts.ts'
import type { FrameOrder } from './frame-order.ts'

const CHROMA = ['4:0:0', '4:2:0', '4:2:2', '4:4:4'] as const

/** FFmpeg's names of the pixel formats that browsers decode. */
const DECODED = /^(yuvj?420p|nv12|nv21|gray)$/
/** FFmpeg's names of profiles that browsers do not decode. */
const UNDECODED_PROFILE = /\b10\b|4:2:2|4:4:4|Hi422|Hi444/

const ADVICE = {
  encoded: '',
  copied: 'change the source, or use h264 in place of copy',
  external: 'change the sender',
} as const satisfies Record<LegOrigin, string>

/** Returns the faults found in the timestamps. */
export function timestampFaults(
  order: FrameOrder,
  origin: LegOrigin,
  nowMs: number,
): readonly Fault[] {
  const jumps = order.jumps(nowMs)
  const times = jumps === 1 ? 'once' : `${jumps} times`
  const jumped: Fault = {
    reason: 'timestamps',
    message: `timestamps jumped ${times} in 10 s; ${ADVICE[origin]}`,
  }
  const bFrames: Fault = {
    reason: 'b-frames',
    message: `there are B-frames, which browsers do not play; ${ADVICE[origin]}`,
  }
  return [
    ...(jumps > 0 ? [jumped] : []),
    ...(order.hasBFrames(nowMs) ? [bFrames] : []),
  ]
}

/** Returns the fault of an external sender's format, from its SPS. */
export function formatFaults(format: PictureFormat): readonly Fault[] {
  const { chroma, bits } = format
  if (bits <= 8 && chroma <= 1) return []
  const name = `${bits} bit ${CHROMA[chroma] ?? 'pictures'}`
  return [undecodable(name, ADVICE.external)]
}

/** Returns the fault of a copied input's format, from FFmpeg's dump. */
export function inputFaults(video: VideoFacts): readonly Fault[] {
  const { pixelFormat, profile = '' } = video
  const isDecoded =
    pixelFormat === undefined
      ? !UNDECODED_PROFILE.test(profile)
      : DECODED.test(pixelFormat)
  return isDecoded ? [] : [undecodable(pixelFormat ?? profile, ADVICE.copied)]
}

function undecodable(name: string, advice: string): Fault {
  return {
    reason: 'pixel-format',
    message:
      `the pictures are ${name}, which browsers do not decode: ` +
      `they need 8 bit 4:2:0; ${advice}`,
  }
}
