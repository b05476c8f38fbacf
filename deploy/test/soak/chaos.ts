import t from 'tap'

import { runChaos } from '../fixtures/chaos/run.ts'

const seed = Number(process.env['CHAOS_SEED'] ?? Date.now() % 100_000)
const rounds = Number(process.env['CHAOS_ROUNDS'] ?? 200)

t.setTimeout(0)

t.test('totals are exact through any faults, and never fall', async t => {
  await runChaos(t, { seed, rounds, keepsState: true })
})

t.test('totals are exact where only memory keeps them', async t => {
  const some = Math.ceil(rounds / 4)
  await runChaos(t, { seed: seed + 1, rounds: some, keepsState: false })
})
