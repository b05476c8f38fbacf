/**
 * Reads JSON of unknown shape: frames, request bodies, files. Every problem
 * names the path of the field, such as `input[0].address`, and what was
 * expected there.
 */

export type JsonObject = Readonly<Record<string, unknown>>

/** Whether a JSON value is an object: not null, not a list. */
export function isJsonObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** Describes a field that is not as expected. */
export interface FieldProblem {
  /** Path of the field; '' is the whole value. */
  readonly field: string
  /** Completes "expected ...". */
  readonly expected: string
  /** The value in a few words; undefined if it does not help. */
  readonly got?: string | undefined
}

/** Called with each problem; may throw to stop at the first. */
export type OnProblem = (problem: FieldProblem) => void

/** A problem as text, without the name of the field. */
export function describeProblem({ expected, got }: FieldProblem): string {
  return `expected ${expected}${got === undefined ? '' : `, got ${got}`}`
}

/** The first problem, as `webrtc.ingest: expected ..., got ...`. */
export class FieldError extends RangeError {
  readonly problem: FieldProblem

  constructor(problem: FieldProblem) {
    const { field } = problem
    super(`${field === '' ? '' : `${field}: `}${describeProblem(problem)}`)
    this.problem = problem
  }
}

/** The default of `Fields`: stops at the first problem. */
export const throwFieldError: OnProblem = problem => {
  throw new FieldError(problem)
}

/** Describes a value in a few words, since it may be deep and long. */
export function describeValue(value: unknown): string {
  if (value === undefined) return 'nothing'
  if (Array.isArray(value)) return 'a list'
  if (isJsonObject(value)) return 'an object'
  // It may be an address with a password in it.
  if (typeof value === 'string' && value.includes('\0')) {
    return 'text with a zero byte'
  }
  return JSON.stringify(value).slice(0, 80)
}

export interface ListOptions {
  /** Maximum number of items. */
  readonly max?: number
  /** An absent list is empty; otherwise it is a problem. */
  readonly optional?: boolean
}

type Key = string | number

/**
 * The fields of an object, or the items of a list by index. An absent or null
 * field gives its fallback; without a fallback it is a problem, as is a value
 * of the wrong type. If `onProblem` returns, reading continues with the
 * fallback, or else with an empty value.
 */
export class Fields {
  readonly #object: JsonObject
  readonly #items: readonly unknown[]
  readonly #path: string
  readonly #onProblem: OnProblem

  constructor(
    values: JsonObject | readonly unknown[],
    path = '',
    onProblem: OnProblem = throwFieldError,
  ) {
    this.#object = isList(values) ? {} : values
    this.#items = isList(values) ? values : []
    this.#path = path
    this.#onProblem = onProblem
  }

  /** The fields of `value`; a problem if it is not an object. */
  static of(value: unknown, path = '', onProblem = throwFieldError): Fields {
    const isObject = isJsonObject(value)
    if (!isObject) {
      onProblem({
        field: path,
        expected: 'an object',
        got: describeValue(value),
      })
    }
    return new Fields(isObject ? value : {}, path, onProblem)
  }

  /** The field as it is. `key` must not be an inherited name (toString). */
  raw(key: Key): unknown {
    return typeof key === 'number' ? this.#items[key] : this.#object[key]
  }

  /** The field names of an object; they may be any text. */
  keys(): readonly string[] {
    return Object.keys(this.#object)
  }

  /** Whether the field is neither absent nor null. */
  has(key: Key): boolean {
    const value = this.raw(key)
    return value !== undefined && value !== null
  }

  /** The problem that a field is not as `expected`, with its value. */
  problem(key: Key, expected: string): FieldProblem {
    const got = describeValue(this.raw(key))
    return { field: this.#pathOf(key), expected, got }
  }

  /** Reports a problem without its value, or with `got` instead. */
  report(key: Key, expected: string, got?: string): void {
    this.#onProblem({ field: this.#pathOf(key), expected, got })
  }

  /**
   * A field of any type that `is` recognises.
   * @param empty the result after a problem without a fallback
   */
  read<Value>(
    key: Key,
    is: (value: unknown) => value is Value,
    expected: string,
    empty: Value,
    fallback?: Value,
  ): Value {
    const value = this.raw(key)
    if (is(value)) return value
    if (fallback !== undefined && !this.has(key)) return fallback
    this.#onProblem(this.problem(key, expected))
    return fallback ?? empty
  }

  text(key: Key, max = Infinity): string {
    const value = this.raw(key)
    if (typeof value === 'string' && value.length <= max) return value
    const limit = max === Infinity ? '' : ` of at most ${max} characters`
    this.#onProblem(this.problem(key, `text${limit}`))
    return ''
  }

  flag(key: Key, fallback?: boolean): boolean {
    return this.read(key, isBoolean, 'true or false', false, fallback)
  }

  /** A whole number from 0 that is exact. */
  count(key: Key): number {
    return this.read(key, isCount, 'a whole number from 0', 0)
  }

  /** A whole number from `min` to `max`. */
  whole(key: Key, min: number, max: number, fallback?: number): number {
    const expected = `a whole number from ${min} to ${max}`
    return this.read(key, isWholeIn(min, max), expected, min, fallback)
  }

  /** A finite number from `min` to `max`; either may be infinite. */
  number(key: Key, min: number, max = Infinity, fallback?: number): number {
    const from = min === -Infinity ? '' : ` from ${min}`
    const expected =
      max === Infinity ? `a finite number${from}` : `a number${from} to ${max}`
    return this.read(key, isNumberIn(min, max), expected, 0, fallback)
  }

  /** One of a few texts. */
  oneOf<Value extends string>(
    key: Key,
    values: readonly [Value, ...Value[]],
    fallback?: Value,
  ): Value {
    const is = (value: unknown): value is Value =>
      values.some(allowed => allowed === value)
    const expected = `one of ${values.join(', ')}`
    return this.read(key, is, expected, values[0], fallback)
  }

  /** An object; an empty one if it is absent or not an object. */
  object(key: Key): Fields {
    return Fields.of(this.raw(key), this.#pathOf(key), this.#onProblem)
  }

  /** A list, by index. */
  items(key: Key): Fields {
    const list = this.read(key, isList, 'a list', [])
    return new Fields(list, this.#pathOf(key), this.#onProblem)
  }

  /** An object that may be absent. */
  optionalObject(key: Key): Fields | undefined {
    return this.has(key) ? this.object(key) : undefined
  }

  /** The items of a list, each read by `read` from its index. */
  list<Item>(
    key: Key,
    read: (items: Fields, index: number) => Item,
    { max = Infinity, optional = false }: ListOptions = {},
  ): Item[] {
    const list = this.raw(key)
    if (isList(list) && list.length <= max) {
      const items = new Fields(list, this.#pathOf(key), this.#onProblem)
      return list.map((_, index) => read(items, index))
    }
    if (!optional || this.has(key)) {
      const limit = max === Infinity ? '' : ` of at most ${max} items`
      this.#onProblem(this.problem(key, `a list${limit}`))
    }
    return []
  }

  /** The items of a list of objects; items of another type are left out. */
  objects<Item>(
    key: Key,
    read: (item: Fields) => Item,
    options?: ListOptions,
  ): Item[] {
    const readItem = (items: Fields, index: number) => {
      const item = items.object(index)
      return isJsonObject(items.raw(index)) ? [read(item)] : []
    }
    return this.list(key, readItem, options).flat()
  }

  #pathOf(key: Key): string {
    if (typeof key === 'number') return `${this.#path}[${key}]`
    return this.#path === '' ? key : `${this.#path}.${key}`
  }
}

function isBoolean(value: unknown): value is boolean {
  return typeof value === 'boolean'
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && Number(value) >= 0
}

function isNumberIn(min: number, max: number) {
  return (value: unknown): value is number =>
    Number.isFinite(value) && Number(value) >= min && Number(value) <= max
}

function isWholeIn(min: number, max: number) {
  return (value: unknown): value is number =>
    isNumberIn(min, max)(value) && Number.isInteger(value)
}

function isList(value: unknown): value is readonly unknown[] {
  return Array.isArray(value)
}
