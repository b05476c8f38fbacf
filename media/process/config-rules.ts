import { isStreamId } from '../../shared/protocol/ids.ts'
import { resolveConfig } from './command.ts'
import type { InputConfig, ProcessConfig } from './process-config.ts'
import type { ConfigProblem } from './process-error.ts'
import { findUnsupported } from './placeholders.ts'

/** Which input addresses this installation allows. */
export interface AddressRules {
  /** Patterns of allowed addresses; empty: all are allowed. */
  readonly inputAllow: readonly RegExp[]
  /** Patterns of blocked addresses; they take precedence. */
  readonly inputBlock: readonly RegExp[]
}

const PROCESS_ID = /^[^\p{Cc}]{1,256}$/u

/** Checks the rules between the fields of a well-formed configuration. */
export function checkConfig(
  config: ProcessConfig,
  rules: AddressRules,
): readonly ConfigProblem[] {
  const placeholders = checkPlaceholders(config)
  return [
    ...checkId(config),
    ...checkCounts(config),
    ...checkLoops(config),
    ...checkIoIds(config),
    ...placeholders,
    // Addresses are only known if all placeholders can be filled.
    ...(placeholders.length === 0 ? checkAddresses(config, rules) : []),
  ]
}

function checkId({ id, webrtc }: ProcessConfig): readonly ConfigProblem[] {
  if (webrtc.enabled && !isStreamId(id)) {
    const got = JSON.stringify(id.slice(0, 80))
    const message =
      'expected 1 to 128 of A-Z a-z 0-9 _ . ~ : @ - and no reserved name, as ' +
      `webrtc is enabled, got ${got}`
    return [{ field: 'id', message }]
  }
  if (PROCESS_ID.test(id)) return []
  const message = 'expected 1 to 256 printable characters'
  return [{ field: 'id', message }]
}

function checkCounts(config: ProcessConfig): readonly ConfigProblem[] {
  const { webrtc, input, output, options } = config
  const problems: ConfigProblem[] = []
  if (webrtc.enabled && webrtc.ingest === 'external') {
    const message = 'expected none, as webrtc.ingest is external'
    if (input.length > 0) problems.push({ field: 'input', message })
    if (output.length > 0) problems.push({ field: 'output', message })
    return problems
  }
  if (input.length === 0) {
    problems.push({ field: 'input', message: 'expected at least one' })
  }
  if (output.length === 0 && !webrtc.enabled) {
    const message = 'expected at least one, or webrtc.enabled'
    problems.push({ field: 'output', message })
  }
  if (options.includes('-i')) {
    const message = 'expected no -i; an input has a list of its own'
    problems.push({ field: 'options', message })
  }
  return problems
}

/**
 * FFmpeg 5.1 ends the bitstream filters of an output that copies at the first
 * loop of its input: the picture would freeze there.
 */
function checkLoops({
  webrtc,
  input,
}: ProcessConfig): readonly ConfigProblem[] {
  const copies =
    webrtc.enabled &&
    webrtc.ingest === 'managed' &&
    webrtc.video.codec === 'copy'
  if (!copies || !input.some(io => io.options.includes('-stream_loop'))) {
    return []
  }
  const message = 'expected h264 or vp8, as -stream_loop cannot be copied'
  return [{ field: 'webrtc.video.codec', message }]
}

function checkIoIds(config: ProcessConfig): readonly ConfigProblem[] {
  return (['input', 'output'] as const).flatMap(kind => {
    const seen = new Set<string>()
    return config[kind].flatMap(({ id }, at) => {
      const isNew = !seen.has(id)
      seen.add(id)
      const message = `expected a unique id, got ${JSON.stringify(id)} again`
      return isNew ? [] : [{ field: `${kind}[${at}].id`, message }]
    })
  })
}

function checkPlaceholders(config: ProcessConfig): readonly ConfigProblem[] {
  const check = (field: string, text: string): readonly ConfigProblem[] => {
    const found = findUnsupported(text)
    return found === undefined ? [] : [{ field, message: found }]
  }
  const checkIo = (field: string, { address, options }: InputConfig) => [
    ...check(`${field}.address`, address),
    ...options.flatMap((text, at) => check(`${field}.options[${at}]`, text)),
  ]
  return [
    ...config.options.flatMap((text, at) => check(`options[${at}]`, text)),
    ...config.input.flatMap((io, at) => checkIo(`input[${at}]`, io)),
    ...config.output.flatMap((io, at) => checkIo(`output[${at}]`, io)),
  ]
}

function checkAddresses(
  config: ProcessConfig,
  { inputAllow, inputBlock }: AddressRules,
): readonly ConfigProblem[] {
  return resolveConfig(config).input.flatMap(({ address }, at) => {
    const field = `input[${at}].address`
    if (/^#[^:]+:output=/.test(address)) {
      const message = 'expected an address, not an output of another process'
      return [{ field, message }]
    }
    if (inputBlock.some(pattern => pattern.test(address))) {
      const message = 'refused by CORE_FFMPEG_ACCESS_INPUT_BLOCK'
      return [{ field, message }]
    }
    if (
      inputAllow.length > 0 &&
      !inputAllow.some(pattern => pattern.test(address))
    ) {
      const message = 'not among CORE_FFMPEG_ACCESS_INPUT_ALLOW'
      return [{ field, message }]
    }
    return []
  })
}
