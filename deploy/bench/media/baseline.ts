import { readFile, writeFile } from 'node:fs/promises'
import { figure } from '../rig/stats.ts'
import type { Result } from './result.ts'

/** The ratios to compare with, by the name of the result. */
export type Baseline = Readonly<Record<string, number>>

const FILE = new URL('../baseline.json', import.meta.url)
/** How many times its baseline a ratio may be. */
const MAX_GROWTH = 1.5
/**
 * Results that vary too much from run to run on a busy machine: percentiles
 * beyond the median.
 */
const UNSTABLE = / p95\b/

export async function readBaseline(): Promise<Baseline> {
  return JSON.parse(await readFile(FILE, 'utf8')) as Baseline
}

/** Writes the results that are stable enough to be compared. */
export async function writeBaseline(results: readonly Result[]): Promise<void> {
  const stable = results.filter(({ name }) => !UNSTABLE.test(name))
  const entries = stable.map(({ name, ratio }) => [
    name,
    Number(ratio.median.toFixed(2)),
  ])
  const baseline = Object.fromEntries(entries) as Baseline
  await writeFile(FILE, `${JSON.stringify(baseline, undefined, 2)}\n`)
}

/**
 * Describes the results whose ratio is more than half above its baseline, and
 * ratios of the baseline that were not measured.
 */
export function regressions(
  results: readonly Result[],
  baseline: Baseline,
): readonly string[] {
  return Object.entries(baseline).flatMap(([name, before]) => {
    const found = results.find(result => result.name === name)
    if (found === undefined) return [`${name}: not measured`]
    const { median } = found.ratio
    // NaN, the median of nothing, is reported too.
    if (median <= before * MAX_GROWTH) return []
    return [`${name}: ${figure(median)}, baseline ${figure(before)}`]
  })
}
