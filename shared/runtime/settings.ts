import { reasonOf } from './errors.ts'

/**
 * Settings from environment variables, as a table: one row a variable, read
 * and checked all at once, and printed by `--help`.
 */

/** One environment variable. */
export interface Setting<Value> {
  readonly name: string
  /** Text used when the variable is unset or empty; '' stands for none. */
  readonly fallback: string
  /** @throws {RangeError} whose message says what was expected */
  readonly parse: (text: string) => Value
  readonly help: string
  /** A secret may come from the file that `<name>_FILE` names instead. */
  readonly secret?: boolean
}

export type SettingsTable = Readonly<Record<string, Setting<unknown>>>

/** The values of a table, under the table's keys. */
export type ValuesOf<Table extends SettingsTable> = {
  readonly [Key in keyof Table]: Table[Key] extends Setting<infer Value>
    ? Value
    : never
}

/** All that is wrong with the settings, a line each, by variable name. */
export class SettingsError extends Error {
  override readonly name = 'SettingsError'
  readonly problems: readonly string[]

  constructor(problems: readonly string[]) {
    super(`Cannot start: ${problems.length} bad settings`)
    this.problems = problems
  }
}

/** Where settings come from. */
export interface SettingsSource {
  readonly env: Readonly<Record<string, string | undefined>>
  /** Reads a whole file as text; throws where it cannot be read. */
  readonly readFile: (path: string) => string
}

/**
 * Reads every row of `table`; `check` then says what is wrong between values.
 * @throws {SettingsError} naming every bad variable, not just the first
 */
export function readSettings<Table extends SettingsTable>(
  table: Table,
  source: SettingsSource,
  check: (values: ValuesOf<Table>) => readonly string[] = () => [],
): ValuesOf<Table> {
  const problems: string[] = []
  const entries = Object.entries(table).map(([key, setting]) => {
    try {
      return [key, setting.parse(textOf(setting, source))] as const
    } catch (error) {
      const reason = reasonOf(error)
      problems.push(`${setting.name}: ${reason}`)
      return [key, undefined] as const
    }
  })
  if (problems.length > 0) throw new SettingsError(problems)
  const values = Object.fromEntries(entries) as ValuesOf<Table>
  const conflicts = check(values)
  if (conflicts.length > 0) throw new SettingsError(conflicts)
  return values
}

function textOf(setting: Setting<unknown>, source: SettingsSource): string {
  const given = source.env[setting.name]?.trim() ?? ''
  const file = setting.secret
    ? (source.env[`${setting.name}_FILE`]?.trim() ?? '')
    : ''
  if (file === '') return given === '' ? setting.fallback : given
  if (given !== '') {
    throw new RangeError(`expected only one of it and ${setting.name}_FILE`)
  }
  const text = readSecret(setting.name, file, source).trim()
  if (text !== '') return text
  throw new RangeError(`expected ${setting.name}_FILE to name a file with text`)
}

function readSecret(name: string, file: string, source: SettingsSource) {
  try {
    return source.readFile(file)
  } catch (cause) {
    const reason = reasonOf(cause)
    throw new RangeError(
      `expected ${name}_FILE to name a readable file: ${reason}`,
      { cause },
    )
  }
}

/** The table as text for `--help`, a line or two a variable. */
export function describeSettings(table: SettingsTable): string {
  return Object.values(table)
    .map(({ name, fallback, help, secret }) => {
      const shown = fallback === '' ? 'none' : fallback
      const file = secret ? `, or ${name}_FILE` : ''
      return `  ${name}${file} (default: ${shown})\n      ${help}\n`
    })
    .join('')
}

/** Where to listen or whom to call. */
export interface Address {
  /** As `listen()` takes it: `0.0.0.0`, `::1`; '' is every address. */
  readonly host: string
  readonly port: number
}

const ADDRESS =
  /^(?:\[(?<v6>[0-9a-fA-F:.]+)\]|(?<host>[^:[\]\s]*)):(?<port>\d+)$/

/** Parses `host:port`, `[v6]:port` or `:port`; port 0 means any free one. */
export function parseAddress(text: string): Address {
  const groups = ADDRESS.exec(text)?.groups
  const port = Number(groups?.['port'])
  if (groups === undefined || port > 65_535) {
    throw new RangeError(
      `expected host:port with a port from 0 to 65535, got ${quote(text)}`,
    )
  }
  return { host: groups['v6'] ?? groups['host'] ?? '', port }
}

/** A parser of whole numbers from `least` to `most`. */
export function wholeNumber(least: number, most: number) {
  return (text: string): number => {
    const value = /^\d{1,15}$/.test(text) ? Number(text) : NaN
    if (value >= least && value <= most) return value
    throw new RangeError(
      `expected a whole number from ${least} to ${most}, got ${quote(text)}`,
    )
  }
}

/** Parses `true` or `false`, also `1`, `0`, `yes`, `no`, `on`, `off`. */
export function parseBoolean(text: string): boolean {
  if (/^(true|1|yes|on)$/i.test(text)) return true
  if (/^(false|0|no|off)$/i.test(text)) return false
  throw new RangeError(`expected true or false, got ${quote(text)}`)
}

/** Takes any text as it is. */
export function parseText(text: string): string {
  return text
}

/** Parses a bearer token; any other could not be sent in a header. */
export function parseToken(text: string): string {
  if (/^[!-~]+$/.test(text)) return text
  throw new RangeError('expected printable ASCII characters without spaces')
}

/** A parser that gives undefined where nothing is set. */
export function optional<Value>(parse: (text: string) => Value) {
  return (text: string): Value | undefined =>
    text === '' ? undefined : parse(text)
}

/** A parser of comma lists; empty items are dropped. */
export function listOf<Value>(parse: (text: string) => Value) {
  return (text: string): readonly Value[] =>
    text
      .split(',')
      .map(item => item.trim())
      .filter(item => item !== '')
      .map(parse)
}

/** Parses an absolute URL of one of `protocols`, each with its colon. */
export function urlOf(...protocols: readonly string[]) {
  return (text: string): URL => {
    const url = URL.parse(text)
    if (url !== null && protocols.includes(url.protocol)) return url
    throw new RangeError(
      `expected a URL of ${protocols.join(' or ')}, got ${quote(text)}`,
    )
  }
}

const CORE_ID = /^[\x21-\x7e]{1,128}$/

/** Parses CORE_ID, the value of the label `core` on every sample. */
export function parseCoreId(text: string): string {
  if (CORE_ID.test(text)) return text
  throw new RangeError(
    `expected 1 to 128 printable ASCII characters without spaces, got ` +
      quote(text),
  )
}

/** Whether only this machine can reach what listens on `host`. */
export function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || /^127\.[\d.]+$/.test(host)
}

function quote(text: string): string {
  return JSON.stringify(text.slice(0, 80))
}
