import type { Registry as PromRegistry } from 'prom-client'
import { labelsText } from '../registry/labels.ts'
import { headLines } from './exposition.ts'
import { formatNumber, type Format } from './formats.ts'

/** A family as prom-client gives it; its own types say less than it does. */
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
 * All families of a prom-client registry as text, `core` first among the
 * labels. Its own writer is not used: that one has its format as a property
 * of the registry and renames counters for OpenMetrics in place, so two
 * scrapes at once would disturb each other.
 */
export async function writeOwnFamilies(
  registry: PromRegistry,
  core: string,
  format: Format,
): Promise<string> {
  const families: readonly unknown[] = await registry.getMetricsAsJSON()
  return families
    .filter(isOwnFamily)
    .map(family => writeOwnFamily(family, core, format))
    .join('')
}

function isOwnFamily(family: unknown): family is OwnFamily {
  return typeof family === 'object' && family !== null && 'values' in family
}

function writeOwnFamily(family: OwnFamily, core: string, format: Format) {
  const lines = family.values.map(({ metricName, labels, value }) => {
    const pairs = Object.entries(labels).map(
      ([name, label]) =>
        [name, name === 'le' ? boundText(label, format) : `${label}`] as const,
    )
    const text = labelsText([['core', core], ...pairs])
    return `${metricName ?? family.name}{${text}} ${formatNumber(value)}\n`
  })
  return headLines(family, format) + lines.join('')
}

function boundText(bound: string | number, format: Format): string {
  return typeof bound === 'number' ? format.bound(bound) : bound
}
