import { fileURLToPath } from 'node:url'
import { claimCpus } from '../rig/cpus.ts'
import { showProgress } from '../rig/progress.ts'
import type { Effort } from './rounds.ts'

const SIGNALS = { SIGINT: 130, SIGTERM: 143 } as const

/**
 * Prepares this process to measure the media process of this checkout.
 */
export function begin(): Omit<Effort, 'rounds'> {
  for (const [signal, code] of Object.entries(SIGNALS)) {
    // Children are killed at exit, which a signal would skip.
    process.once(signal, () => process.exit(code))
  }
  return {
    checkout: fileURLToPath(new URL('../../../', import.meta.url)),
    cpus: claimCpus(),
    roundMs: 3_000,
    onProgress: showProgress,
  }
}
