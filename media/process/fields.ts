/** One thing wrong with a configuration, by the name of its field. */
export interface Problem {
  /** Such as `input[0].address`. */
  readonly field: string
  readonly message: string
}

type JsonObject = Readonly<Record<string, unknown>>

/**
 * Reads typed fields of a JSON object. What is wrong is put into `problems`,
 * by field, and the fallback is given, so that all of it is found at once.
 * null stands for a field that is not there, as in upstream.
 */
export interface Fields {
  text(key: string, fallback?: string): string
  flag(key: string, fallback: boolean): boolean
  /** A whole number, 0 up to `most`. */
  whole(key: string, most: number, fallback?: number): number
  /** A number, 0 up to `most`. */
  number(key: string, most: number, fallback?: number): number
  texts(key: string): readonly string[]
  /** A list of objects; each is read by `read`. */
  list<Item>(key: string, read: (item: Fields) => Item): readonly Item[]
  /** An object; undefined: not there. */
  object(key: string): Fields | undefined
  /** The field as it is. */
  raw(key: string): unknown
  problem(key: string, message: string): void
}

export function isJsonObject(raw: unknown): raw is JsonObject {
  return typeof raw === 'object' && raw !== null && !Array.isArray(raw)
}

/** Reads `raw`, whose own name is `path`; '' at the root. */
export function fieldsOf(
  raw: JsonObject,
  problems: Problem[],
  path = '',
): Fields {
  const nameOf = (key: string) => (path === '' ? key : `${path}.${key}`)
  const problem = (key: string, message: string) => {
    problems.push({ field: nameOf(key), message })
  }
  const get = (key: string): unknown =>
    Object.hasOwn(raw, key) ? (raw[key] ?? undefined) : undefined

  /** The field where `is` says that it is right, else the fallback. */
  const read = <Value>(
    key: string,
    is: (value: unknown) => value is Value,
    expected: string,
    fallback: Value,
  ): Value => {
    const value = get(key)
    if (value === undefined) return fallback
    if (is(value)) return value
    problem(key, `expected ${expected}, got ${show(value)}`)
    return fallback
  }
  const list = (key: string) => read(key, isArray, 'a list', [])

  return {
    text: (key, fallback = '') => read(key, isText, 'text', fallback),
    flag: (key, fallback) => read(key, isFlag, 'true or false', fallback),
    whole: (key, most, fallback = 0) =>
      read(key, isWholeTo(most), `a whole number from 0 to ${most}`, fallback),
    number: (key, most, fallback = 0) =>
      read(key, isNumberTo(most), `a number from 0 to ${most}`, fallback),
    texts: key =>
      list(key).flatMap((item, at) => {
        if (isText(item)) return [item]
        problem(`${key}[${at}]`, `expected text, got ${show(item)}`)
        return []
      }),
    list: (key, readItem) =>
      list(key).flatMap((item, at) => {
        const name = `${key}[${at}]`
        if (isJsonObject(item)) {
          return [readItem(fieldsOf(item, problems, nameOf(name)))]
        }
        problem(name, `expected an object, got ${show(item)}`)
        return []
      }),
    object: key => {
      const value = read(key, isObjectOrNone, 'an object', undefined)
      return value && fieldsOf(value, problems, nameOf(key))
    },
    raw: get,
    problem,
  }
}

/** FFmpeg's arguments are C strings: a zero byte would cut them. */
function isText(value: unknown): value is string {
  return typeof value === 'string' && !value.includes('\0')
}

function isFlag(value: unknown): value is boolean {
  return typeof value === 'boolean'
}

function isArray(value: unknown): value is readonly unknown[] {
  return Array.isArray(value)
}

function isObjectOrNone(value: unknown): value is JsonObject | undefined {
  return value === undefined || isJsonObject(value)
}

function isNumberTo(most: number) {
  return (value: unknown): value is number =>
    typeof value === 'number' && value >= 0 && value <= most
}

function isWholeTo(most: number) {
  return (value: unknown): value is number =>
    isNumberTo(most)(value) && Number.isInteger(value)
}

function show(value: unknown): string {
  // It may be an address, with a password.
  if (typeof value === 'string' && value.includes('\0')) {
    return 'text with a zero byte'
  }
  if (Array.isArray(value)) return 'a list'
  if (isJsonObject(value)) return 'an object'
  return JSON.stringify(value).slice(0, 80)
}
