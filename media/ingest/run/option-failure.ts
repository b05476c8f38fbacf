import type { MediaKind } from 'mediasoup/types'

import { maskOf } from '../../ffmpeg/mask.ts'
import { splitOptions } from '../encoder-options.ts'
import type { LogLine } from './ffmpeg-log.ts'

/** A leg with options of the operator. */
export interface LegOptions {
  readonly kind: MediaKind
  readonly options: readonly string[]
}

/** The contexts of a filter, such as `Parsed_scale_3` or `hwupload`. */
const FILTER_CONTEXT = /^(?:Parsed_)?(\w+?)(?:_\d+)?$/
/** The names of the filters in a graph. */
const FILTER_NAMES = /(?:^|[,;\]])\s*(\w+)/g
/** Logged without a context. */
const UNFIT_FILTERS = 'Impossible to convert between the formats supported by'
const UNKNOWN_OPTION = /^Unrecognized option '(.*)'/s
const BITSTREAM_FILTER = /^Error parsing bitstream filter sequence '(.*)':/s
const DEVICE_CONTEXT = 'AVHWDeviceContext'

/**
 * Returns in words which option of the operator, or which device for it, made
 * FFmpeg fail; undefined: the errors do not tell.
 * @param errors of one run, oldest first
 */
export function optionFailure(
  errors: readonly LogLine[],
  { kind, options }: LegOptions,
): string | undefined {
  if (options.length === 0) return undefined
  const { encoder, filters } = splitOptions(options)
  const mask = maskOf(options)
  for (const error of errors) {
    const text = mask.text(error.text).replace(/\.$/, '')
    if (encoder !== undefined && isOfEncoder(error, encoder)) {
      return `${encoder} cannot start: ${text}`
    }
    if (isOfOptions(error, options) || isOfFilters(error, filters)) {
      return `FFmpeg rejects webrtc.${kind}.options: ${text}`
    }
  }
  return undefined
}

function isOfEncoder({ contexts, text }: LogLine, encoder: string): boolean {
  if (contexts.includes(encoder)) return true
  const isHardware = encoder.includes('_')
  return (
    isHardware &&
    (contexts.includes(DEVICE_CONTEXT) || text.startsWith(UNFIT_FILTERS))
  )
}

function isOfOptions(
  { contexts, text }: LogLine,
  options: readonly string[],
): boolean {
  const [, unknown] = UNKNOWN_OPTION.exec(text) ?? []
  if (unknown !== undefined) return options.includes(`-${unknown}`)
  const [, bitstream] = BITSTREAM_FILTER.exec(text) ?? []
  if (bitstream !== undefined) return options.includes(bitstream)
  // An encoder that the operator did not choose, with a value that he did.
  const [, value] = /\bvalue "(.*)"$/s.exec(text) ?? []
  return value !== undefined && contexts.length > 0 && options.includes(value)
}

function isOfFilters(
  { contexts, text }: LogLine,
  filters: string | undefined,
): boolean {
  if (filters === undefined) return false
  if (text.startsWith(UNFIT_FILTERS)) return true
  const names = [...filters.matchAll(FILTER_NAMES)].map(([, name]) => name)
  return contexts.some(context => {
    if (context === 'AVFilterGraph') return true
    const [, name] = FILTER_CONTEXT.exec(context) ?? []
    return name !== undefined && names.includes(name)
  })
}
