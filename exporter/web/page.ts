import { setImmediate as nextTurn } from 'node:timers/promises'
import type { Registry as PromRegistry } from 'prom-client'
import type { FamilyName } from '../../shared/protocol/catalogue.ts'
import type { MetricStore } from '../registry/metric-store.ts'
import { familyBlocks, linesPerSeries, type Block } from './exposition.ts'
import type { Format } from './formats.ts'
import { writeOwnFamilies } from './own-families.ts'
import { PageMemory, type PageBytes } from './page-memory.ts'

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
 * Returns the function that writes the answer to a scrape: the eleven families,
 * then the exporter's. All are of the moment of the call. A large page is
 * written in slices, between which the event loop handles frames and other
 * requests. Of each format the last page is kept, for the parts of it that are
 * the same on the next.
 */
export function createPageWriter(
  sources: PageSources,
): (format: Format) => Promise<PageBytes> {
  const { store, own, writeProcess, setSeries } = sources
  const memory = new PageMemory()
  const lastBlocks = new Map<Format, Map<FamilyName, readonly Block[]>>()
  return async format => {
    const families = store.families()
    setSeries(
      families.reduce(
        (sum, { series, buckets }) =>
          sum + series.length * linesPerSeries(buckets),
        0,
      ),
    )
    const { core } = store.ledger
    // prom-client reads all its numbers before its first await.
    const ownPages = await Promise.all([
      writeOwnFamilies(own, core, format),
      writeProcess(format),
    ])
    const last = lastBlocks.get(format) ?? new Map<FamilyName, Block[]>()
    lastBlocks.set(format, last)
    const parts: Buffer[] = []
    let written = 0
    for (const family of families) {
      const { name } = family
      const kept = last.get(name) ?? []
      const blocks: Block[] = []
      for (const block of familyBlocks(family, format, kept)) {
        blocks.push(block)
        parts.push(block.bytes)
        if (block === kept[blocks.length - 1]) continue
        written += block.bytes.length
        if (written < BYTES_WRITTEN_PER_SLICE) continue
        written = 0
        await nextTurn()
      }
      last.set(name, blocks)
    }
    parts.push(Buffer.from(ownPages.join('') + format.end))
    return concatenate(parts, memory)
  }
}

/** Bytes of a slice: half a millisecond of work. */
const BYTES_WRITTEN_PER_SLICE = 128 * 1024
const BYTES_COPIED_PER_SLICE = 1024 * 1024

async function concatenate(
  parts: readonly Buffer[],
  memory: PageMemory,
): Promise<PageBytes> {
  const length = parts.reduce((sum, part) => sum + part.length, 0)
  const page = memory.take(length)
  let end = 0
  let sliceEnd = BYTES_COPIED_PER_SLICE
  for (const part of parts) {
    page.bytes.set(part, end)
    end += part.length
    if (end < sliceEnd) continue
    sliceEnd = end + BYTES_COPIED_PER_SLICE
    await nextTurn()
  }
  return page
}
