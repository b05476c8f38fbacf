import { reasonOf } from './errors.ts'

/**
 * Settings from environment variables: a table with one row per variable, which
 * is read, checked as a whole, and printed by `--help`.
 */

/** One environment variable. */
export interface Setting<Value> {
  readonly name: string
  /** Text used if the variable is unset or empty; '' means none. */
  readonly fallback: string
  /** @throws {RangeError} whose message says what was expected */
  readonly parse: (text: string) => Value
  readonly help: string
  /** A secret can also come from the file named by `<name>_FILE`. */
  readonly secret?: boolean
}

export type SettingsTable = Readonly<Record<string, Setting<unknown>>>

/** The values of a table, under the table's keys. */
export type ValuesOf<Table extends SettingsTable> = {
  readonly [Key in keyof Table]: Table[Key] extends Setting<infer Value>
    ? Value
    : never
}

/** Every problem of the settings, one line each, by variable name. */
export class SettingsError extends Error {
  override readonly name = 'SettingsError'
  readonly problems: readonly string[]

  constructor(problems: readonly string[]) {
    super(`Cannot start: ${problems.length} bad settings`)
    this.problems = problems
  }
}

/** The sources of settings. */
export interface SettingsSource {
  readonly env: Readonly<Record<string, string | undefined>>
  /** Reads a whole file as text, or throws. */
  readonly readFile: (path: string) => string
}

/**
 * Reads every row of `table`; `check` then returns conflicts between values,
 * each with the names of its variables.
 * @throws {SettingsError} naming every bad variable and conflict at once
 */
export function readSettings<Table extends SettingsTable>(
  table: Table,
  source: SettingsSource,
  check: (values: ValuesOf<Table>) => readonly string[] = () => [],
): ValuesOf<Table> {
  const problems: string[] = []
  const bad: string[] = []
  const entries = Object.entries(table).map(([key, setting]) => {
    try {
      return [key, setting.parse(textOf(setting, source))] as const
    } catch (error) {
      const reason = reasonOf(error)
      problems.push(`${setting.name}: ${reason}`)
      bad.push(setting.name)
      return [key, setting.parse(setting.fallback)] as const
    }
  })
  const values = Object.fromEntries(entries) as ValuesOf<Table>
  // A conflict with the default of a bad value is none.
  const conflicts = check(values).filter(
    conflict => !bad.some(name => conflict.includes(name)),
  )
  problems.push(...conflicts)
  if (problems.length > 0) throw new SettingsError(problems)
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

/** A setting that makes sense only together with another one. */
export interface PairedSetting {
  readonly name: string
  readonly isSet: boolean
}

/** Returns the problem if one of two settings is set without the other. */
export function checkPair(
  one: PairedSetting,
  other: PairedSetting,
): readonly string[] {
  if (one.isSet === other.isSet) return []
  const [set, unset] = one.isSet ? [one, other] : [other, one]
  return [`${unset.name}: expected to be set, because ${set.name} is`]
}

/** Formats the table for `--help`. */
export function describeSettings(table: SettingsTable): string {
  return Object.values(table)
    .map(({ name, fallback, help, secret }) => {
      const shown = fallback === '' ? 'none' : fallback
      const file = secret ? `, or ${name}_FILE` : ''
      return `  ${name}${file} (default: ${shown})\n      ${help}\n`
    })
    .join('')
}

/** An address to listen on or connect to. */
export interface Address {
  /** As for `listen()`, such as `0.0.0.0` or `::1`; '' means every address. */
  readonly host: string
  readonly port: number
}

const ADDRESS =
  /^(?:\[(?<v6>[0-9a-fA-F:.]+)\]|(?<host>[^:[\]\s]*)):(?<port>\d+)$/

/** Parses `host:port`, `[v6]:port` or `:port`; port 0 means any free port. */
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

/** Returns a parser of whole numbers from `min` to `max`. */
export function wholeNumber(min: number, max: number) {
  return (text: string): number => {
    const value = /^\d{1,15}$/.test(text) ? Number(text) : NaN
    if (value >= min && value <= max) return value
    throw new RangeError(
      `expected a whole number from ${min} to ${max}, got ${quote(text)}`,
    )
  }
}

/** Parses `true` or `false`, also `1`, `0`, `yes`, `no`, `on`, `off`. */
export function parseBoolean(text: string): boolean {
  if (/^(true|1|yes|on)$/i.test(text)) return true
  if (/^(false|0|no|off)$/i.test(text)) return false
  throw new RangeError(`expected true or false, got ${quote(text)}`)
}

/** Accepts any text. */
export function parseText(text: string): string {
  return text
}

/** Parses a bearer token: characters that are allowed in a header. */
export function parseToken(text: string): string {
  if (/^[!-~]+$/.test(text)) return text
  throw new RangeError('expected printable ASCII characters without spaces')
}

/** Makes a setting optional: unset is undefined. */
export function optional<Value>(parse: (text: string) => Value) {
  return (text: string): Value | undefined =>
    text === '' ? undefined : parse(text)
}

/** Returns a parser of comma-separated lists; empty items are dropped. */
export function listOf<Value>(parse: (text: string) => Value) {
  return (text: string): readonly Value[] =>
    text
      .split(',')
      .map(item => item.trim())
      .filter(item => item !== '')
      .map(parse)
}

/** Returns a parser of absolute URLs; `protocols` end with a colon. */
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

/** Whether a server on `host` can only be reached from this machine. */
export function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || /^127\.[\d.]+$/.test(host)
}

function quote(text: string): string {
  return JSON.stringify(text.slice(0, 80))
}
