import type { ShownFamily, ShownSeries } from '../registry/metric-store.ts'
import { formatNumber, type Format } from './formats.ts'

type Write = (text: string) => void

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
 * Writes a family piece by piece. Labels are formatted once, when a series is
 * created; registry/metric-store.ts has the measurements.
 */
export function writeFamily(
  family: ShownFamily,
  format: Format,
  write: Write,
): void {
  const { name, buckets, series } = family
  write(headLines(family, format))
  if (buckets !== undefined) {
    writeHistograms(name, buckets, series, format, write)
    return
  }
  for (const { text, values } of series) {
    write(`${name}{${text}} ${values[0] ?? 0}\n`)
  }
}

function writeHistograms(
  name: string,
  bounds: readonly number[],
  series: readonly ShownSeries[],
  format: Format,
  write: Write,
): void {
  const ends = [...bounds.map(format.bound), '+Inf'].map(
    bound => `,le="${bound}"} `,
  )
  const sumAt = ends.length
  for (const { text, values } of series) {
    const start = `${name}_bucket{${text}`
    let lines = ''
    let count = 0
    for (const [i, end] of ends.entries()) {
      count += values[i] ?? 0
      lines += `${start}${end}${count}\n`
    }
    const sum = formatNumber(values[sumAt] ?? 0)
    write(
      `${lines}${name}_sum{${text}} ${sum}\n${name}_count{${text}} ${count}\n`,
    )
  }
}
