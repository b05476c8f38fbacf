import type { MediaKind } from 'mediasoup/types'

import { maskSecrets } from '../ffmpeg/mask.ts'
import { refusalOf } from './refused-options.ts'

/** The encoders whose output a leg's RTP can carry. */
const ENCODERS = {
  h264: {
    names: /^(?:libx264|libopenh264|h264_\w+)$/,
    words: 'an H264 encoder: libx264, libopenh264 or h264_...',
  },
  vp8: {
    names: /^(?:libvpx|vp8_\w+)$/,
    words: 'a VP8 encoder: libvpx or vp8_...',
  },
  opus: {
    names: /^(?:libopus|opus)$/,
    words: 'an Opus encoder: libopus or opus',
  },
} as const

/** A codec that the server encodes. */
export type EncodedCodec = keyof typeof ENCODERS

/** Options of FFmpeg's own that only one kind of leg has. */
const ONLY: Readonly<Record<string, MediaKind>> = {
  ...{ vcodec: 'video', vf: 'video', pix_fmt: 'video' },
  ...{ force_key_frames: 'video', rc_override: 'video' },
  ...{ intra_matrix: 'video', inter_matrix: 'video' },
  ...{ chroma_intra_matrix: 'video' },
  ...{ acodec: 'audio', af: 'audio', ac: 'audio', ab: 'audio', aq: 'audio' },
  ...{ sample_fmt: 'audio' },
}

/** A rule for the value of an option. */
interface ValueRule {
  readonly allows: RegExp
  readonly expected: string
}

const VALUES: Readonly<Record<string, ValueRule>> = {
  bf: { allows: /^0$/, expected: '0, as browsers do not play B-frames' },
  ac: { allows: /^[12]$/, expected: '1 or 2' },
  flags: {
    allows: /^(?!.*global_header)/,
    expected: 'no global_header, as viewers need it in the stream',
  },
  'intra-refresh': {
    allows: /^(?:0|false)$/,
    expected: '0, as viewers start at a key frame',
  },
  pix_fmt: {
    allows: /^(?:yuv420p|nv12|vaapi|cuda|qsv|drm_prime|vulkan)$/,
    expected:
      '8-bit 4:2:0, as browsers play nothing else: yuv420p, nv12, or ' +
      'vaapi, cuda, qsv, drm_prime, vulkan',
  },
  profile: {
    allows: /^(?!.*(?:10|422|444))/,
    expected: 'a profile with 8-bit 4:2:0, as browsers play nothing else',
  },
}

/** What is wrong with one argument in a list of options. */
export interface OptionProblem {
  readonly index: number
  /** Completes "expected ...". */
  readonly expected: string
  readonly got?: string
}

/** Returns the first option that would break the leg, or undefined. */
export function findBadOption(
  options: readonly string[],
  kind: MediaKind,
  codec: EncodedCodec,
): OptionProblem | undefined {
  for (let index = 0; index < options.length; index += 2) {
    const option = options[index] ?? ''
    const value = options[index + 1]
    if (!/^-[^-]/.test(option)) {
      const expected = 'an option: FFmpeg would take it for another output'
      return { index, expected, got: describe(option) }
    }
    const expected = badName(option, kind)
    if (expected !== undefined) return { index, expected }
    if (value === undefined) {
      return { index, expected: `a value after ${option}`, got: 'nothing' }
    }
    const wanted = badValue(nameOf(option), value, codec)
    if (wanted !== undefined) {
      return { index: index + 1, expected: wanted, got: describe(value) }
    }
  }
  return undefined
}

/** Quotes a text, which may be an address with a password. */
function describe(text: string): string {
  return JSON.stringify(maskSecrets(text).slice(0, 80))
}

function badName(option: string, kind: MediaKind): string | undefined {
  const name = nameOf(option)
  const reason = refusalOf(name)
  if (reason !== undefined) return `no -${name}: ${reason}`
  const only = ONLY[name]
  if (only !== undefined && only !== kind) {
    return `no -${name}: it belongs to webrtc.${only}.options`
  }
  const letter = kind === 'video' ? 'v' : 'a'
  const specifier = option.slice(name.length + 1)
  if (specifier !== '' && specifier !== `:${letter}`) {
    return `-${name}:${letter}, got ${option.slice(0, 80)}`
  }
  // The RTP protocol has an option of this name too.
  if (option === '-fec') return `-fec:${letter}, got -fec`
  return undefined
}

function badValue(
  name: string,
  value: string,
  codec: EncodedCodec,
): string | undefined {
  if (isCodecOption(name)) {
    const { names, words } = ENCODERS[codec]
    return names.test(value) ? undefined : words
  }
  if (isFilterOption(name)) {
    return value.trim() === '' ? 'a chain of filters' : undefined
  }
  const rule = Object.hasOwn(VALUES, name) ? VALUES[name] : undefined
  return rule === undefined || rule.allows.test(value)
    ? undefined
    : rule.expected
}

/** The options of an operator, by where the arguments of FFmpeg need them. */
export interface EncoderOptions {
  /** undefined: the server's default. */
  readonly encoder: string | undefined
  /** Filters, after those of the server. */
  readonly filters: string | undefined
  /** Parameters for x264, after those of the server. */
  readonly x264Params: string | undefined
  /** All other options, after those of the server. */
  readonly others: readonly string[]
}

/** Splits checked options; as in FFmpeg, the last one of a name counts. */
export function splitOptions(options: readonly string[] = []): EncoderOptions {
  let encoder: string | undefined
  let filters: string | undefined
  let x264Params: string | undefined
  const others: string[] = []
  for (let index = 0; index < options.length; index += 2) {
    const [option = '', value = ''] = options.slice(index, index + 2)
    const name = nameOf(option)
    if (isCodecOption(name)) encoder = value
    else if (isFilterOption(name)) filters = value
    else if (name === 'x264-params') x264Params = value
    else others.push(option, value)
  }
  return { encoder, filters, x264Params, others }
}

/** The name without the dash and the stream specifier, as FFmpeg reads it. */
function nameOf(option: string): string {
  return option.slice(1).split(':', 1)[0] ?? ''
}

function isCodecOption(name: string): boolean {
  return ['c', 'codec', 'vcodec', 'acodec'].includes(name)
}

function isFilterOption(name: string): boolean {
  return ['filter', 'vf', 'af'].includes(name)
}
