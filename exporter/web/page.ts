import type { Registry as PromRegistry } from 'prom-client'
import type { Registry } from '../registry/registry.ts'
import { collectBytes } from './bytes.ts'
import { writeFamily } from './exposition.ts'
import type { Format } from './formats.ts'
import { writeOwnFamilies } from './own-families.ts'

/** What a page of metrics is made from. */
export interface PageSources {
  readonly registry: Registry
  readonly own: PromRegistry
  readonly setSeries: (count: number) => void
}

/** The whole answer to a scrape: the eleven families, then the exporter's. */
export async function writePage(
  { registry, own, setSeries }: PageSources,
  format: Format,
): Promise<Buffer> {
  const families = registry.families()
  let count = 0
  for (const { series, buckets } of families) {
    // A histogram has a series a bucket, with +Inf, and its sum and count.
    count += series.length * (buckets === undefined ? 1 : buckets.length + 3)
  }
  setSeries(count)
  const bytes = collectBytes()
  for (const family of families) writeFamily(family, format, bytes.write)
  const { core } = registry.ledger
  bytes.write(await writeOwnFamilies(own, core, format))
  bytes.write(format.end)
  return bytes.whole()
}
