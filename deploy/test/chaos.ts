import t from 'tap'

import { runChaos } from './fixtures/chaos/run.ts'

// The soak runs the same for 200 rounds: npm run soak.
const seed = Number(process.env['CHAOS_SEED'] ?? Date.now() % 100_000)

t.test('totals are exact through faults, and never fall', async t => {
  await runChaos(t, { seed, rounds: 12, keepsState: true })
})

t.test('totals are exact where only memory keeps them', async t => {
  await runChaos(t, { seed: seed + 1, rounds: 6, keepsState: false })
})
