import { setTimeout as delay } from 'node:timers/promises'
import type { Hops } from '../rig/receivers-main.ts'
import { Scene, type Ingest } from '../rig/scene.ts'
import { figure, median, quantile, spreadOf } from '../rig/stats.ts'
import type { Result } from './result.ts'
import { inRounds, type Effort } from './rounds.ts'

/** Single packets, in turn to the product, the relay and the receiver. */
const PACKETS = { kind: 'video', burst: 1, intervalMs: 2 } as const

/** Time a packet spends in a server, microseconds. */
interface ServerHop {
  readonly product: number
  readonly relay: number
}

export interface HopResults {
  readonly p50: Result
  readonly p95: Result
  /** 95th percentile of the product's hop, microseconds. */
  readonly p95Us: number
  /** 95th percentile of the relay's hop, relative to its median. */
  readonly relayTail: number
}

/**
 * Measures the time that packets of video for one viewer spend in the server,
 * as a multiple of the relay's. A packet that goes straight from the sender to
 * the receiver shows what both ends cost; its median is subtracted.
 */
export async function measureHop(
  effort: Effort,
  ingest: Ingest,
): Promise<HopResults> {
  const options = { ...effort, ...PACKETS, ingest, isDirect: true }
  return Scene.run(options, async ({ receivers }) => {
    const rounds = await inRounds(effort, `${ingest} hop`, async () => {
      const { hops } = await receivers.during(() => delay(effort.roundMs))
      return hops
    })
    const p50 = rounds.map(hops => serverHop(hops, 0.5))
    const p95 = rounds.map(hops => serverHop(hops, 0.95))
    return {
      p50: summarize(`${ingest} hop p50`, p50),
      p95: summarize(`${ingest} hop p95`, p95),
      p95Us: median(p95.map(({ product }) => product)),
      relayTail:
        median(p95.map(({ relay }) => relay)) /
        median(p50.map(({ relay }) => relay)),
    }
  })
}

function serverHop(hops: Hops, share: number): ServerHop {
  const ends = median(hops.direct)
  return {
    product: quantile(hops.product, share) - ends,
    relay: quantile(hops.relay, share) - ends,
  }
}

function summarize(name: string, hops: readonly ServerHop[]): Result {
  const us = (way: keyof ServerHop) => figure(median(hops.map(hop => hop[way])))
  return {
    name,
    ratio: spreadOf(hops.map(({ product, relay }) => product / relay)),
    detail: `${us('product')} us, relay ${us('relay')} us`,
  }
}
