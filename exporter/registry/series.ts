import { familyOf, type ObservedName } from '../../shared/catalogue.ts'
import { labelsText } from './labels.ts'

/**
 * The numbers of a series: a counter's total alone, or a histogram's count
 * per bucket (not cumulative, the last is `+Inf`) and then its sum. Never
 * changed in place, so that arrays can be shared.
 */
export type Values = readonly number[]

/** Cell number of a series that no cell of this boot has told of. */
export const NO_CELL = -1

/** One series of a counter or histogram family. */
export interface Series {
  readonly family: ObservedName
  /** Label values in the order of the family's labels, without `core`. */
  readonly labels: readonly string[]
  /** Label names and values as they are exposed, with `core`, no braces. */
  readonly text: string
  /** What is added to `told`: mostly what earlier cells told. */
  base: Values
  /** The cell that tells of the series now. */
  cell: number
  /** What that cell told last: its totals since it was made. */
  told: Values
  /** What is shown: base and told together. */
  values: Values
}

const ZERO_COUNTER: Values = [0]

/** A new series at zero. */
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
    text: labelsText([['core', core], ...pairs]),
    base: zero,
    cell: NO_CELL,
    told: zero,
    values: zero,
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

/** Takes a newer total of the series' cell. */
export function tell(series: Series, told: Values): void {
  series.told = told
  series.values = sum(series.base, told)
}

/** Adds to the base what the cell told; no cell has the series afterwards. */
export function settle(series: Series): void {
  series.base = series.values
  series.told = zeroOf(series.family)
  series.cell = NO_CELL
}

/** Shows from now on only by how much the cell grows. */
export function startAtZero(series: Series): void {
  series.values = zeroOf(series.family)
  series.base = difference(series.values, series.told)
}

/** Adds what came of another series that shares this one. */
export function addShare(series: Series, share: Values): void {
  series.base = sum(series.base, share)
  series.values = series.base
}

/** `a + b`, number by number; the same array where one of them is zero. */
export function sum(a: Values, b: Values): Values {
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
