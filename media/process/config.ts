import type { WebrtcConfig } from '../ingest/webrtc-config.ts'
import { checkConfig, type AddressRules } from './config-rules.ts'
import { fieldsOf, isJsonObject, type Fields, type Problem } from './fields.ts'
import type {
  InputConfig,
  OutputConfig,
  ProcessConfig,
} from './process-config.ts'
import { ProcessError, problemLines } from './process-error.ts'

/** What this installation allows, and who knows what others own. */
export interface ConfigRules extends AddressRules {
  /** @throws {Error} whose message says what is wrong */
  readonly parseWebrtc: (raw: unknown) => WebrtcConfig
  /** An id for an input or output that has none. */
  readonly newId: () => string
}

/** setTimeout takes no longer delay than 2^31 ms. */
const MAX_SECONDS = 2_000_000
const MAX_CPU_PERCENT = 100_000
const MAX_MBYTES = 2 ** 30
const DEFAULT_JITTER = 0.2

/**
 * Reads a process configuration; fields that are not known are left out.
 * @throws {ProcessError} `bad-config` that names every field that is wrong
 */
export function parseProcessConfig(
  raw: unknown,
  rules: ConfigRules,
): ProcessConfig {
  const problems: Problem[] = []
  const config = isJsonObject(raw)
    ? readConfig(fieldsOf(raw, problems), rules)
    : undefined
  if (config === undefined) {
    problems.push({ field: 'process', message: 'expected an object' })
  } else if (problems.length === 0) {
    problems.push(...checkConfig(config, rules))
  }
  if (config !== undefined && problems.length === 0) return config
  throw new ProcessError(
    'bad-config',
    `Cannot use process: ${problemLines(problems).join('; ')}`,
    problems,
  )
}

function readConfig(fields: Fields, rules: ConfigRules): ProcessConfig {
  const type = fields.text('type', 'ffmpeg')
  if (type !== 'ffmpeg' && type !== '') {
    fields.problem('type', `expected ffmpeg, got ${JSON.stringify(type)}`)
  }
  const seconds = (key: string) => fields.whole(key, MAX_SECONDS)
  const limits = fields.object('limits')
  const backoff = readBackoff(fields)
  return {
    id: fields.text('id'),
    type: 'ffmpeg',
    reference: fields.text('reference'),
    input: withIds(fields.list('input', readInput), rules),
    output: withIds(fields.list('output', readOutput), rules),
    options: fields.texts('options'),
    reconnect: fields.flag('reconnect', false),
    reconnect_delay_seconds: seconds('reconnect_delay_seconds'),
    ...(backoff && { reconnect_backoff: backoff }),
    autostart: fields.flag('autostart', true),
    stale_timeout_seconds: seconds('stale_timeout_seconds'),
    limits: {
      cpu_usage: limits?.number('cpu_usage', MAX_CPU_PERCENT) ?? 0,
      memory_mbytes: limits?.whole('memory_mbytes', MAX_MBYTES) ?? 0,
      waitfor_seconds: limits?.whole('waitfor_seconds', MAX_SECONDS) ?? 0,
    },
    webrtc: readWebrtc(fields, rules),
  }
}

function readBackoff(fields: Fields): ProcessConfig['reconnect_backoff'] {
  const backoff = fields.object('reconnect_backoff')
  const max_seconds = backoff?.whole('max_seconds', MAX_SECONDS, 300) ?? 0
  const jitter = backoff?.number('jitter', 1, DEFAULT_JITTER) ?? 0
  return max_seconds === 0 ? undefined : { max_seconds, jitter }
}

function readInput(fields: Fields): InputConfig {
  const address = fields.text('address')
  if (address === '') fields.problem('address', 'expected an address')
  const options = fields.texts('options')
  if (options.includes('-i')) {
    fields.problem('options', 'expected no -i; an input has an address')
  }
  return { id: fields.text('id'), address, options }
}

function readOutput(fields: Fields): OutputConfig {
  const cleanup = fields.list('cleanup', rule => {
    const pattern = rule.text('pattern')
    if (pattern === '') rule.problem('pattern', 'expected a pattern')
    return {
      pattern,
      max_files: rule.whole('max_files', MAX_SECONDS),
      max_file_age_seconds: rule.whole('max_file_age_seconds', MAX_SECONDS),
      purge_on_delete: rule.flag('purge_on_delete', false),
    }
  })
  return { ...readInput(fields), cleanup }
}

function withIds<Io extends InputConfig>(
  list: readonly Io[],
  rules: ConfigRules,
): readonly Io[] {
  return list.map(io => (io.id === '' ? { ...io, id: rules.newId() } : io))
}

function readWebrtc(fields: Fields, rules: ConfigRules): WebrtcConfig {
  const raw = fields.raw('webrtc')
  if (raw === undefined) return { enabled: false }
  try {
    return rules.parseWebrtc(raw)
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error)
    const named = /^webrtc\.([\w.]+): (.*)$/s.exec(reason)
    if (named) fields.problem(`webrtc.${named[1]}`, named[2] ?? reason)
    else fields.problem('webrtc', reason)
    return { enabled: false }
  }
}
