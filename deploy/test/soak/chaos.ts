import { setTimeout as delay } from 'node:timers/promises'
import t from 'tap'

import { readMemoryBytes } from '../../../media/ffmpeg/proc.ts'
import { SILENCE_TIMEOUT_MS } from '../../../shared/protocol/limits.ts'
import { runChaos } from '../fixtures/chaos/run.ts'
import { World } from '../fixtures/chaos/world.ts'

const seed = Number(process.env['CHAOS_SEED'] ?? Date.now() % 100_000)
const rounds = Number(process.env['CHAOS_ROUNDS'] ?? 200)

t.setTimeout(0)

t.test('totals stay exact through any faults and never decrease', async t => {
  await runChaos(t, { seed, rounds, keepsState: true })
})

t.test('totals stay exact through any faults without a state file', async t => {
  const some = Math.ceil(rounds / 4)
  await runChaos(t, { seed: seed + 1, rounds: some, keepsState: false })
})

for (const keepsState of [true, false]) {
  const where = keepsState ? 'with' : 'without'
  t.test(
    `an exporter ${where} a state file recovers from a long freeze`,
    async t => {
      const world = await World.start(t, { seed, keepsState })
      await world.startTraffic()
      await world.caughtUp()
      const { pid } = world.media
      // The heap reaches its working size first.
      await delay(10_000)
      const memory = () => readMemoryBytes(pid) ?? NaN
      const before = memory()
      world.exporter.kill('SIGSTOP')
      await delay(3 * SILENCE_TIMEOUT_MS)
      const growth = memory() - before
      world.exporter.kill('SIGCONT')
      const resumedMs = performance.now()
      await world.caughtUp()
      const tookMs = Math.round(performance.now() - resumedMs)
      t.comment(`caught up ${tookMs} ms after the freeze`)
      t.ok(growth < 16 * 1024 * 1024, `media grew by ${growth >> 10} kB`)
      await world.stopTraffic()
      await world.compare()
      t.pass('all series are exact')
    },
  )
}
