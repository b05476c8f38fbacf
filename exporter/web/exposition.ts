import type { ShownFamily } from '../registry/metric-store.ts'
import type { ShownSeries } from '../registry/series.ts'
import { formatNumber, OPEN_METRICS, TEXT, type Format } from './formats.ts'

/** The HELP and TYPE lines of a family. */
export function headLines(
  { name, help, type }: { name: string; help: string; type: string },
  format: Format,
): string {
  const family = type === 'counter' ? format.counterFamily(name) : name
  const text = format.escapeHelp(help)
  return `# HELP ${family} ${text}\n# TYPE ${family} ${type}\n`
}

/**
 * The lines of each series of the last scrapes. A series that changes is
 * replaced, so its lines are never out of date; between two scrapes most
 * series do not change.
 */
const WRITTEN: ReadonlyMap<Format, WeakMap<ShownSeries, string>> = new Map(
  [TEXT, OPEN_METRICS].map(format => [format, new WeakMap()]),
)

/** Writes a family: its head, then series by series. */
export function* familyLines(
  family: ShownFamily,
  format: Format,
): Generator<string> {
  yield headLines(family, format)
  // The samples of gauges are made for each scrape.
  const written = family.type === 'gauge' ? undefined : WRITTEN.get(format)
  const write = lineWriter(family, format)
  for (const series of family.series) {
    let lines = written?.get(series)
    if (lines === undefined) {
      lines = write(series)
      written?.set(series, lines)
    }
    yield lines
  }
}

/** Returns the function that writes the lines of one series of the family. */
function lineWriter(
  { name, buckets }: ShownFamily,
  format: Format,
): (series: ShownSeries) => string {
  if (buckets === undefined) {
    // join() makes one flat string; a template keeps a chain of its parts.
    return ({ text, values }) =>
      [name, '{', text, '} ', values[0] ?? 0, '\n'].join('')
  }
  const ends = [...buckets.map(format.bound), '+Inf'].map(
    bound => `,le="${bound}"} `,
  )
  return ({ text, values }) => {
    const parts: (string | number)[] = []
    let count = 0
    for (const [i, end] of ends.entries()) {
      count += values[i] ?? 0
      parts.push(name, '_bucket{', text, end, count, '\n')
    }
    const sum = formatNumber(values[ends.length] ?? 0)
    parts.push(name, '_sum{', text, '} ', sum, '\n')
    parts.push(name, '_count{', text, '} ', count, '\n')
    return parts.join('')
  }
}
