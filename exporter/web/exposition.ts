import type { ShownFamily } from '../registry/metric-store.ts'
import type { ShownSeries } from '../registry/series.ts'
import { formatNumber, type Format } from './formats.ts'

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
 * Writes a family: its head, then series by series. Labels are formatted once,
 * when a series is created; registry/metric-store.ts has the measurements.
 */
export function* familyLines(
  family: ShownFamily,
  format: Format,
): Generator<string> {
  yield headLines(family, format)
  const write = lineWriter(family, format)
  for (const series of family.series) yield write(series)
}

/** Returns the function that writes the lines of one series of the family. */
function lineWriter(
  { name, buckets }: ShownFamily,
  format: Format,
): (series: ShownSeries) => string {
  if (buckets === undefined) {
    return ({ text, values }) => `${name}{${text}} ${values[0] ?? 0}\n`
  }
  const ends = [...buckets.map(format.bound), '+Inf'].map(
    bound => `,le="${bound}"} `,
  )
  return ({ text, values }) => {
    const start = `${name}_bucket{${text}`
    let lines = ''
    let count = 0
    for (const [i, end] of ends.entries()) {
      count += values[i] ?? 0
      lines += `${start}${end}${count}\n`
    }
    const sum = formatNumber(values[ends.length] ?? 0)
    return `${lines}${name}_sum{${text}} ${sum}\n${name}_count{${text}} ${count}\n`
  }
}
