import type { Registry as PromRegistry } from 'prom-client'
import type { MetricStore } from '../registry/metric-store.ts'
import { writeFamily } from './exposition.ts'
import type { Format } from './formats.ts'
import { writeOwnFamilies } from './own-families.ts'

export interface PageSources {
  readonly store: MetricStore
  /** The exporter's own metrics. */
  readonly own: PromRegistry
  /** Writes the metrics of the process. */
  readonly writeProcess: (format: Format) => Promise<string>
  /** Called with the number of series of the eleven families. */
  readonly setSeries: (count: number) => void
}

/** Writes the answer to a scrape: the eleven families, then the exporter's. */
export async function writePage(
  { store, own, writeProcess, setSeries }: PageSources,
  format: Format,
): Promise<Buffer> {
  const families = store.families()
  let count = 0
  for (const { series, buckets } of families) {
    // A histogram has one series per bucket, with +Inf, and its sum and count.
    count += series.length * (buckets === undefined ? 1 : buckets.length + 3)
  }
  setSeries(count)
  const page = collectBytes()
  for (const family of families) writeFamily(family, format, page.write)
  const { core } = store.ledger
  page.write(await writeOwnFamilies(own, core, format))
  page.write(await writeProcess(format))
  page.write(format.end)
  return page.finish()
}

/** Characters of text that are encoded at a time. */
const CHUNK_LENGTH = 16 * 1024

/**
 * Collects text as bytes. Concatenating several megabytes of text into one
 * string takes twice as long and copies it again.
 */
function collectBytes() {
  const chunks: Buffer[] = []
  let text = ''
  const flush = () => {
    chunks.push(Buffer.from(text))
    text = ''
  }
  return {
    write: (more: string) => {
      text += more
      if (text.length >= CHUNK_LENGTH) flush()
    },
    finish: () => {
      flush()
      return Buffer.concat(chunks)
    },
  }
}
