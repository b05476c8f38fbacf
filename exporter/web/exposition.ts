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
 * Lines of a block: 16 kB of text. Smaller ones are slower to look up, larger
 * ones have more to write again when one series grows.
 */
const LINES_PER_BLOCK = 128

/** Lines of series that follow each other, and the head before the first. */
export interface Block {
  readonly series: readonly ShownSeries[]
  readonly bytes: Buffer
}

/**
 * Writes a family as blocks, and reuses those of `last` whose series are the
 * same objects: a series that has grown is another object, so their numbers
 * are the current ones. On most pages few series have grown since the last.
 * @param last the blocks of the same family in the same format, any age
 */
export function* familyBlocks(
  family: ShownFamily,
  format: Format,
  last: readonly Block[],
): Generator<Block> {
  const { series: all, buckets } = family
  const write = lineWriter(family, format)
  const step = Math.ceil(LINES_PER_BLOCK / linesPerSeries(buckets))
  // A family without series still has a head.
  for (let from = 0; from === 0 || from < all.length; from += step) {
    const kept = last[from / step]
    const size = Math.min(step, all.length - from)
    if (kept !== undefined && isSame(kept.series, all, from, size)) {
      yield kept
      continue
    }
    const series = all.slice(from, from + size)
    let text = from === 0 ? headLines(family, format) : ''
    for (const one of series) text += write(one)
    yield { series, bytes: Buffer.from(text) }
  }
}

/** Lines of one series: of a histogram, its buckets with +Inf, sum and count. */
export function linesPerSeries(buckets: ShownFamily['buckets']): number {
  return buckets === undefined ? 1 : buckets.length + 3
}

/** Whether `part` is the `size` series of `all` from index `from`. */
function isSame(
  part: readonly ShownSeries[],
  all: readonly ShownSeries[],
  from: number,
  size: number,
): boolean {
  return part.length === size && part.every((one, i) => one === all[from + i])
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
