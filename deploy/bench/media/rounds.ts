import type { Cpus } from '../rig/cpus.ts'

/** What to measure, and how often. */
export interface Effort {
  /** The checkout to measure, with its packages installed. */
  readonly checkout: string
  readonly cpus: Cpus
  readonly rounds: number
  readonly roundMs: number
  readonly onProgress: (text: string) => void
}

/** Calls `measure` once per round and returns what it measured. */
export async function inRounds<Measured>(
  { rounds, onProgress }: Effort,
  what: string,
  measure: () => Promise<Measured>,
): Promise<readonly Measured[]> {
  const measured: Measured[] = []
  for (let round = 1; round <= rounds; round++) {
    onProgress(`${what}: round ${round} of ${rounds}`)
    measured.push(await measure())
  }
  return measured
}
