import {
  describeProblem,
  FieldError,
  Fields,
  isJsonObject,
} from '../../shared/protocol/fields.ts'
import type { WebrtcConfig } from '../ingest/webrtc-config.ts'
import { checkConfig, type AddressRules } from './config-rules.ts'
import type {
  InputConfig,
  OutputConfig,
  ProcessConfig,
} from './process-config.ts'
import {
  ProcessError,
  problemLines,
  type ConfigProblem,
} from './process-error.ts'

/** The rules of this installation, and what other folders contribute. */
export interface ConfigRules extends AddressRules {
  /** @throws {FieldError} for the field that is wrong */
  readonly parseWebrtc: (raw: unknown) => WebrtcConfig
  /** Creates an id for an input or output without one. */
  readonly newId: () => string
}

/** The delay of setTimeout is limited to 2^31 ms. */
const MAX_SECONDS = 2_000_000
const MAX_CPU_PERCENT = 100_000
const MAX_MBYTES = 2 ** 30
const DEFAULT_JITTER = 0.2
const DEFAULT_MAX_BACKOFF_SECONDS = 300

/** Upstream's clients leave out lists that are empty. */
const OPTIONAL = { optional: true } as const

/**
 * Reads a process configuration. Unknown fields are dropped; null means
 * absent, as in upstream.
 * @throws {ProcessError} `bad-config` that names every wrong field
 */
export function parseProcessConfig(
  raw: unknown,
  rules: ConfigRules,
): ProcessConfig {
  const problems: ConfigProblem[] = []
  if (isJsonObject(raw)) {
    const fields = new Fields(raw, '', problem => {
      const { field } = problem
      problems.push({ field, message: describeProblem(problem) })
    })
    const config = readConfig(fields, rules)
    if (problems.length === 0) problems.push(...checkConfig(config, rules))
    if (problems.length === 0) return config
  } else {
    problems.push({ field: 'process', message: 'expected an object' })
  }
  throw new ProcessError(
    'bad-config',
    `Cannot use process: ${problemLines(problems).join('; ')}`,
    problems,
  )
}

function readConfig(fields: Fields, rules: ConfigRules): ProcessConfig {
  const type = text(fields, 'type', 'ffmpeg')
  if (type !== 'ffmpeg' && type !== '') {
    fields.report('type', 'ffmpeg', JSON.stringify(type))
  }
  const limits = fields.optionalObject('limits')
  const backoff = readBackoff(fields)
  return {
    id: text(fields, 'id'),
    type: 'ffmpeg',
    reference: text(fields, 'reference'),
    input: withIds(fields.objects('input', readInput, OPTIONAL), rules),
    output: withIds(fields.objects('output', readOutput, OPTIONAL), rules),
    options: texts(fields, 'options'),
    reconnect: fields.flag('reconnect', false),
    reconnect_delay_seconds: seconds(fields, 'reconnect_delay_seconds'),
    ...(backoff && { reconnect_backoff: backoff }),
    autostart: fields.flag('autostart', true),
    stale_timeout_seconds: seconds(fields, 'stale_timeout_seconds'),
    limits: {
      cpu_usage: limits?.number('cpu_usage', 0, MAX_CPU_PERCENT, 0) ?? 0,
      memory_mbytes: limits?.whole('memory_mbytes', 0, MAX_MBYTES, 0) ?? 0,
      waitfor_seconds: limits ? seconds(limits, 'waitfor_seconds') : 0,
    },
    webrtc: readWebrtc(fields, rules),
  }
}

function readBackoff(fields: Fields): ProcessConfig['reconnect_backoff'] {
  const backoff = fields.optionalObject('reconnect_backoff')
  if (backoff === undefined) return undefined
  const max_seconds = backoff.whole(
    'max_seconds',
    0,
    MAX_SECONDS,
    DEFAULT_MAX_BACKOFF_SECONDS,
  )
  const jitter = backoff.number('jitter', 0, 1, DEFAULT_JITTER)
  return max_seconds === 0 ? undefined : { max_seconds, jitter }
}

function readInput(fields: Fields): InputConfig {
  const address = text(fields, 'address')
  if (address === '') fields.report('address', 'an address')
  const options = texts(fields, 'options')
  if (options.includes('-i')) {
    fields.report('options', 'no -i; an input has an address')
  }
  return { id: text(fields, 'id'), address, options }
}

function readOutput(fields: Fields): OutputConfig {
  const readRule = (rule: Fields) => {
    const pattern = text(rule, 'pattern')
    if (pattern === '') rule.report('pattern', 'a pattern')
    return {
      pattern,
      max_files: rule.whole('max_files', 0, MAX_SECONDS, 0),
      max_file_age_seconds: seconds(rule, 'max_file_age_seconds'),
      purge_on_delete: rule.flag('purge_on_delete', false),
    }
  }
  const cleanup = fields.objects('cleanup', readRule, OPTIONAL)
  return { ...readInput(fields), cleanup }
}

function withIds<Io extends InputConfig>(
  list: readonly Io[],
  rules: ConfigRules,
): readonly Io[] {
  return list.map(io => (io.id === '' ? { ...io, id: rules.newId() } : io))
}

function readWebrtc(fields: Fields, rules: ConfigRules): WebrtcConfig {
  if (!fields.has('webrtc')) return { enabled: false }
  try {
    return rules.parseWebrtc(fields.raw('webrtc'))
  } catch (error) {
    if (!(error instanceof FieldError)) throw error
    const { field, expected, got } = error.problem
    fields.report(field, expected, got)
    return { enabled: false }
  }
}

function text(fields: Fields, key: string, fallback = ''): string {
  return fields.read(key, isArgument, 'text', '', fallback)
}

function texts(fields: Fields, key: string): readonly string[] {
  const read = (items: Fields, index: number) =>
    items.read(index, isArgument, 'text', '')
  return fields.list(key, read, OPTIONAL)
}

/** FFmpeg's arguments are C strings: a zero byte would cut them short. */
function isArgument(value: unknown): value is string {
  return typeof value === 'string' && !value.includes('\0')
}

function seconds(fields: Fields, key: string): number {
  return fields.whole(key, 0, MAX_SECONDS, 0)
}
