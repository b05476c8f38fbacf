import { setTimeout as delay } from 'node:timers/promises'
import { CHROMIUM } from '../../../media/test/whep/fixtures/offers.ts'
import { BareHttp } from '../rig/bare-http.ts'
import { Scene } from '../rig/scene.ts'
import { figure, median, quantile, spreadOf } from '../rig/stats.ts'
import { end, post } from '../rig/whep-client.ts'
import type { Result } from './result.ts'
import { inRounds, type Effort } from './rounds.ts'

const STREAM = { ingest: 'managed', kind: 'video', burst: 1 } as const
const SENDER = { intervalMs: 10, isDirect: false } as const
/** Between two POSTs, as viewers come one by one. */
const PAUSE_MS = 10

interface Latency {
  readonly product: readonly number[]
  readonly bare: readonly number[]
}

/**
 * Measures the time from a WHEP POST to its answer, as a multiple of a POST to
 * a bare HTTP server.
 */
export async function measurePost(effort: Effort): Promise<readonly Result[]> {
  const bare = await BareHttp.start(effort.cpus.servers)
  try {
    const options = { ...effort, ...STREAM, ...SENDER }
    return await Scene.run(options, async ({ product: { endpoint } }) => {
      const rounds = await inRounds(effort, 'POST', async () => {
        const endMs = performance.now() + effort.roundMs
        const latency = { product: [] as number[], bare: [] as number[] }
        while (performance.now() < endMs) {
          latency.product.push(await openAndEnd(endpoint))
          await delay(PAUSE_MS)
          latency.bare.push(await openAndEnd(bare.endpoint))
          await delay(PAUSE_MS)
        }
        return latency
      })
      return [
        summarize('POST p50', rounds, 0.5),
        summarize('POST p95', rounds, 0.95),
      ]
    })
  } finally {
    await bare.stop()
  }
}

async function openAndEnd(endpoint: string): Promise<number> {
  const { ms, session } = await post(endpoint, CHROMIUM)
  await end(session)
  return ms
}

function summarize(
  name: string,
  rounds: readonly Latency[],
  share: number,
): Result {
  const ms = rounds.map(({ product, bare }) => ({
    product: quantile(product, share),
    bare: quantile(bare, share),
  }))
  const middle = (way: keyof Latency) => figure(median(ms.map(one => one[way])))
  return {
    name,
    ratio: spreadOf(ms.map(({ product, bare }) => product / bare)),
    detail: `${middle('product')} ms, bare HTTP server ${middle('bare')} ms`,
  }
}
