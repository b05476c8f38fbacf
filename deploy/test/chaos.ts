import t from 'tap'

import { runChaos } from './fixtures/chaos/run.ts'

// `npm run soak` runs the same for 200 rounds.
const seed = Number(process.env['CHAOS_SEED'] ?? Date.now() % 100_000)

t.test('totals stay exact through faults and never fall', async t => {
  await runChaos(t, { seed, rounds: 12, keepsState: true })
})

t.test('totals stay exact without a state file', async t => {
  await runChaos(t, { seed: seed + 1, rounds: 6, keepsState: false })
})
