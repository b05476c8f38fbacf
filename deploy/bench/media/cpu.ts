import { setTimeout as delay } from 'node:timers/promises'
import { Scene, type Ingest } from '../rig/scene.ts'
import { figure, median, spreadOf } from '../rig/stats.ts'
import type { Result } from './result.ts'
import { inRounds, type Effort } from './rounds.ts'

/** 30 frames a second of ten packets, to the product and to the relay. */
const VIDEO = { kind: 'video', burst: 10, intervalMs: 1000 / 60 } as const
/** Viewers may lose packets on a busy machine, which cost the server as much. */
const MIN_DECRYPTED_SHARE = 0.5

/** CPU time per packet sent to a viewer, microseconds. */
interface Cost {
  readonly node: number
  readonly worker: number
  readonly relay: number
}

/**
 * Measures CPU time per outgoing packet of video, as a multiple of the relay's:
 * media process and worker together.
 */
export async function measureCpu(
  effort: Effort,
  ingest: Ingest,
  viewerCounts: readonly number[],
): Promise<readonly Result[]> {
  const options = { ...effort, ...VIDEO, ingest, isDirect: false }
  return Scene.run(options, async scene => {
    const results: Result[] = []
    for (const viewers of viewerCounts) {
      await scene.open(viewers)
      const name = `${ingest} CPU, ${viewers} viewer${viewers > 1 ? 's' : ''}`
      const measure = () => measureCost(scene, viewers, effort.roundMs)
      results.push(summarize(name, await inRounds(effort, name, measure)))
    }
    return results
  })
}

async function measureCost(
  scene: Scene,
  viewers: number,
  ms: number,
): Promise<Cost> {
  const { receivers, product, relay } = scene
  const spent = { node: 0, worker: 0, relay: 0 }
  const received = await receivers.during(async () => {
    const before = { ...product.cpu, relay: relay.cpu }
    await delay(ms)
    const after = { ...product.cpu, relay: relay.cpu }
    spent.node = after.node - before.node
    spent.worker = after.worker - before.worker
    spent.relay = after.relay - before.relay
  })
  const { hops, arrived, decrypted } = received
  const sent = arrived * viewers
  if (decrypted < sent * MIN_DECRYPTED_SHARE) {
    throw new Error(`Viewers got ${decrypted} of ${sent} packets`)
  }
  return {
    node: spent.node / sent / 1e3,
    worker: spent.worker / sent / 1e3,
    relay: spent.relay / (hops.relay.length * viewers) / 1e3,
  }
}

function summarize(name: string, costs: readonly Cost[]): Result {
  const us = (part: keyof Cost) => figure(median(costs.map(one => one[part])))
  return {
    name,
    ratio: spreadOf(costs.map(one => (one.node + one.worker) / one.relay)),
    detail: `worker ${us('worker')} + Node ${us('node')} us a packet, relay ${us('relay')} us`,
  }
}
