/** What browsers do not decode, or not well, in words. */
import type { Fault } from '../fault.ts'
import type { FrameOrder } from './frame-order.ts'
import type { VideoFacts } from '../run/input-facts.ts'
import type { LegOrigin } from '../leg-origin.ts'
import type { PictureFormat } from '../rtp/sps.ts'

const CHROMA = ['4:0:0', '4:2:0', '4:2:2', '4:4:4'] as const

/** FFmpeg's names of what browsers decode. */
const DECODED = /^(yuvj?420p|nv12|nv21|gray)$/
/** Profiles whose pictures they do not decode, as FFmpeg names them. */
const UNDECODED_PROFILE = /\b10\b|4:2:2|4:4:4|Hi422|Hi444/

const ADVICE = {
  encoded: '',
  copied: 'change the source, or use h264 in place of copy',
  external: 'change the sender',
} as const satisfies Record<LegOrigin, string>

/** Faults that the order of the frames shows. */
export function wildFaults(
  order: FrameOrder,
  origin: LegOrigin,
  nowMs: number,
): readonly Fault[] {
  const leaps = order.leaps(nowMs)
  const times = leaps === 1 ? 'once' : `${leaps} times`
  const wild: Fault = {
    reason: 'timestamps',
    words: `timestamps leapt or fell back ${times} in 10 s; ` + ADVICE[origin],
  }
  const bFrames: Fault = {
    reason: 'b-frames',
    words: 'there are B-frames, which browsers do not play; ' + ADVICE[origin],
  }
  return [
    ...(leaps > 0 ? [wild] : []),
    ...(order.hasBFrames(nowMs) ? [bFrames] : []),
  ]
}

/** What a parameter set says. */
export function pictureFault(format: PictureFormat): readonly Fault[] {
  const { chroma, bits } = format
  if (bits <= 8 && chroma <= 1) return []
  const name = `${bits} bit ${CHROMA[chroma] ?? 'pictures'}`
  return [undecoded(name, ADVICE.external)]
}

/** What FFmpeg says of an input that is copied. */
export function inputFault(video: VideoFacts): readonly Fault[] {
  const { pixelFormat, profile = '' } = video
  const isDecoded =
    pixelFormat === undefined
      ? !UNDECODED_PROFILE.test(profile)
      : DECODED.test(pixelFormat)
  return isDecoded ? [] : [undecoded(pixelFormat ?? profile, ADVICE.copied)]
}

function undecoded(name: string, advice: string): Fault {
  return {
    reason: 'pixel-format',
    words:
      `the pictures are ${name}, which browsers do not decode: ` +
      `they need 8 bit 4:2:0; ${advice}`,
  }
}
