import { familyOf, type ObservedName } from '../../shared/protocol/catalogue.ts'

/**
 * The numbers of a series: a counter's total alone, or a histogram's count per
 * bucket (not cumulative, the last one is `+Inf`) followed by its sum. Never
 * changed in place, so that arrays can be shared.
 */
export type Values = readonly number[]

/** Cell number of a series without a cell in this boot. */
export const NO_CELL = -1

/**
 * One series or sample as a scrape exposes it. Never changed in place, but
 * replaced: what a scrape has read stays as it was while it is written.
 */
export interface ShownSeries {
  /** Label names and values, with `core`, no braces. */
  readonly text: string
  readonly values: Values
}

/** One series of a counter or histogram family. */
export interface Series {
  readonly family: ObservedName
  /** Label values in the order of the family's labels, without `core`. */
  readonly labels: readonly string[]
  /** Added to `total`: the totals of earlier cells. */
  base: Values
  /** The cell that reports the series now. */
  cell: number
  /** That cell's total, as last reported. */
  total: Values
  /** Its labels, and base and total together. */
  shown: ShownSeries
}

const ZERO_COUNTER: Values = [0]

/** Creates a series at zero. */
export function createSeries(
  core: string,
  family: ObservedName,
  labels: readonly string[],
): Series {
  const zero = zeroOf(family)
  const names = familyOf(family).labels
  const pairs = names.map((name, i) => [name, labels[i] ?? ''] as const)
  return {
    family,
    labels,
    base: zero,
    cell: NO_CELL,
    total: zero,
    shown: { text: labelsText([['core', core], ...pairs]), values: zero },
  }
}

const zeros = new Map<number, Values>()

/** All values of the family at zero. */
export function zeroOf(family: ObservedName): Values {
  const { buckets } = familyOf(family)
  if (buckets === undefined) return ZERO_COUNTER
  const length = buckets.length + 2
  const zero = zeros.get(length) ?? new Array<number>(length).fill(0)
  zeros.set(length, zero)
  return zero
}

/** Sets a newer total of the series' cell. */
export function setTotal(series: Series, total: Values): void {
  series.total = total
  show(series, sum(series.base, total))
}

/** Adds the cell's total to the base; the series then has no cell. */
export function rollOver(series: Series): void {
  series.base = series.shown.values
  series.total = zeroOf(series.family)
  series.cell = NO_CELL
}

/** Exposes only the growth of the cell from now on. */
export function startAtZero(series: Series): void {
  const zero = zeroOf(series.family)
  series.base = difference(zero, series.total)
  show(series, zero)
}

/** Adds to a series that several streams share. */
export function addShare(series: Series, share: Values): void {
  series.base = sum(series.base, share)
  show(series, series.base)
}

function show(series: Series, values: Values): void {
  series.shown = { text: series.shown.text, values }
}

/** `a + b`, number by number; the same array if one of them is zero. */
function sum(a: Values, b: Values): Values {
  if (isZero(a)) return b
  if (isZero(b)) return a
  return a.map((value, i) => value + (b[i] ?? 0))
}

/** `a - b`, number by number. */
export function difference(a: Values, b: Values): Values {
  return a.map((value, i) => value - (b[i] ?? 0))
}

/** Whether no number of `newer` is below its number in `older`. */
export function covers(newer: Values, older: Values): boolean {
  return older.every((value, i) => (newer[i] ?? -1) >= value)
}

export function isZero(values: Values): boolean {
  return values.every(value => value === 0)
}

/** Label names and values as both exposition formats write them, no braces. */
export function labelsText(
  pairs: Iterable<readonly [name: string, value: string]>,
): string {
  // join() makes one flat string; += would keep a chain of its parts in memory.
  return Array.from(pairs, ([name, value]) => labelText(name, value)).join(',')
}

/** One label, with backslash, quote and line feed in its value escaped. */
export function labelText(name: string, value: string): string {
  if (!/[\\"\n]/.test(value)) return `${name}="${value}"`
  const escaped = value.replace(/[\\"\n]/g, char =>
    char === '\n' ? '\\n' : `\\${char}`,
  )
  return `${name}="${escaped}"`
}
