import { setTimeout as delay } from 'node:timers/promises'
import { CHROMIUM } from '../../../media/test/whep/fixtures/offers.ts'
import type { Hops } from '../rig/receivers-main.ts'
import { Scene } from '../rig/scene.ts'
import { figure, median, quantile, spreadOf } from '../rig/stats.ts'
import { end, post } from '../rig/whep-client.ts'
import type { Result } from './result.ts'
import { inRounds, type Effort } from './rounds.ts'

const STREAM = { ingest: 'managed', kind: 'audio', burst: 1 } as const
const SENDER = { intervalMs: 2, isDirect: false } as const
const POSTS = 200
const CONCURRENCY = 8

/** The hops of a round, without and during the POSTs. */
interface Round {
  readonly idle: Hops
  readonly busy: Hops
}

/**
 * Measures how long audio takes to a viewer while 200 POSTs arrive, as a
 * multiple of its time without them. The relay's multiple shows how much of
 * that the machine alone causes.
 */
export async function measureAudio(effort: Effort): Promise<readonly Result[]> {
  const options = { ...effort, ...STREAM, ...SENDER }
  return Scene.run(options, async ({ receivers, product: { endpoint } }) => {
    const rounds = await inRounds(effort, 'audio during POSTs', async () => {
      const idle = await receivers.during(() => delay(effort.roundMs))
      const sessions: URL[] = []
      const busy = await receivers.during(() => postAll(endpoint, sessions))
      await Promise.all(sessions.map(end))
      return { idle: idle.hops, busy: busy.hops }
    })
    return [summarize(rounds, 0.5), summarize(rounds, 0.95)]
  })
}

async function postAll(endpoint: string, sessions: URL[]): Promise<void> {
  const lane = async () => {
    for (let i = 0; i < POSTS / CONCURRENCY; i++) {
      const { session } = await post(endpoint, CHROMIUM)
      sessions.push(session)
    }
  }
  await Promise.all(Array.from({ length: CONCURRENCY }, lane))
}

function summarize(rounds: readonly Round[], share: number): Result {
  const hop = (hops: Hops, way: keyof Hops) => quantile(hops[way], share)
  const growth = (way: keyof Hops) =>
    rounds.map(({ idle, busy }) => hop(busy, way) / hop(idle, way))
  const us = (when: keyof Round) =>
    figure(median(rounds.map(round => hop(round[when], 'product'))))
  return {
    name: `audio p${share * 100} during 200 POSTs`,
    ratio: spreadOf(growth('product')),
    detail:
      `${us('busy')} us, idle ${us('idle')} us; ` +
      `the relay's multiple ${figure(median(growth('relay')))}`,
  }
}
