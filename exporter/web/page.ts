import { setImmediate as nextTurn } from 'node:timers/promises'
import type { Registry as PromRegistry } from 'prom-client'
import type { MetricStore } from '../registry/metric-store.ts'
import { familyLines } from './exposition.ts'
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

/**
 * Writes the answer to a scrape: the eleven families, then the exporter's. All
 * are of the moment of the call. A large page is written in slices, between
 * which the event loop handles frames and other requests.
 */
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
  const { core } = store.ledger
  // prom-client reads all its numbers before its first await.
  const ownPages = await Promise.all([
    writeOwnFamilies(own, core, format),
    writeProcess(format),
  ])
  const page = collectBytes()
  for (const family of families) {
    for (const lines of familyLines(family, format)) {
      if (page.write(lines) === 'slice full') await nextTurn()
    }
  }
  for (const text of ownPages) page.write(text)
  page.write(format.end)
  return page.finish()
}

/** Characters of text that are encoded at a time. */
const CHUNK_LENGTH = 16 * 1024
/** Chunks of a slice: half a millisecond of work. */
const CHUNKS_PER_SLICE = 8

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
    write: (more: string): 'slice full' | undefined => {
      text += more
      if (text.length < CHUNK_LENGTH) return undefined
      flush()
      return chunks.length % CHUNKS_PER_SLICE === 0 ? 'slice full' : undefined
    },
    finish: () => {
      flush()
      return Buffer.concat(chunks)
    },
  }
}
