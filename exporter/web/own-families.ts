import type { Registry as PromRegistry } from 'prom-client'
import type { Clock } from '../../shared/runtime/clock.ts'
import { labelText } from '../registry/series.ts'
import { headLines } from './exposition.ts'
import { formatNumber, type Format } from './formats.ts'

/** A family as prom-client returns it, which its types do not show. */
interface OwnFamily {
  readonly name: string
  readonly help: string
  readonly type: string
  readonly values: readonly OwnSample[]
}

interface OwnSample {
  readonly metricName?: string
  readonly value: number
  readonly labels: Readonly<Record<string, string | number>>
}

/**
 * All families of a prom-client registry as text, with `core` as the first
 * label. prom-client's writer is not used: its format is a property of the
 * registry, and for OpenMetrics it renames counters in place, so concurrent
 * scrapes would disturb each other.
 */
export async function writeOwnFamilies(
  registry: PromRegistry,
  core: string,
  format: Format,
): Promise<string> {
  const families: readonly unknown[] = await registry.getMetricsAsJSON()
  const start = labelText('core', core)
  return families
    .filter(isOwnFamily)
    .map(family => writeOwnFamily(family, start, format))
    .join('')
}

/** Scrapes within this time share one reading of the process metrics. */
const MAX_AGE_MS = 1_000

/**
 * Writes the families of a registry that is costly to read, at most once a
 * second for each format: reading the process and Node takes prom-client three
 * times as long as all else on a small page. Only for sampled values.
 */
export function createSampledWriter(
  registry: PromRegistry,
  core: string,
  clock: Pick<Clock, 'steadyMs'>,
): (format: Format) => Promise<string> {
  const samples = new Map<
    Format,
    { readonly atMs: number; readonly text: Promise<string> }
  >()
  return format => {
    const nowMs = clock.steadyMs()
    const last = samples.get(format)
    if (last !== undefined && nowMs - last.atMs < MAX_AGE_MS) return last.text
    const text = writeOwnFamilies(registry, core, format)
    samples.set(format, { atMs: nowMs, text })
    return text
  }
}

function isOwnFamily(family: unknown): family is OwnFamily {
  return typeof family === 'object' && family !== null && 'values' in family
}

function writeOwnFamily(family: OwnFamily, start: string, format: Format) {
  let lines = headLines(family, format)
  for (const { metricName, labels, value } of family.values) {
    lines += `${metricName ?? family.name}{${start}`
    for (const name in labels) {
      const label = labels[name] ?? ''
      const text = name === 'le' ? boundText(label, format) : `${label}`
      lines += `,${labelText(name, text)}`
    }
    lines += `} ${formatNumber(value)}\n`
  }
  return lines
}

function boundText(bound: string | number, format: Format): string {
  return typeof bound === 'number' ? format.bound(bound) : bound
}
