/**
 * deploy/bench/media measures the media process in ratios, which hold on any
 * machine: its CPU time and its latency as multiples of a bare UDP relay's or a
 * bare HTTP server's in the same seconds.
 * Owns: what is measured, the latency gate, the baseline.
 * Gets: scenes from rig/.
 * Gives: results, to `npm run bench`, `npm run latency` and `npm run soak`.
 */
import { measureAudio } from './audio.ts'
import { measureCpu } from './cpu.ts'
import { measureHop } from './hop.ts'
import { measurePost } from './post.ts'
import type { Result } from './result.ts'
import type { Effort } from './rounds.ts'

const VIEWERS = [1, 10, 50]

type Measurement = (effort: Effort) => Promise<readonly Result[]>

/** All measurements of the media process; each starts its own. */
export const MEASUREMENTS: readonly Measurement[] = [
  effort => measureCpu(effort, 'managed', VIEWERS),
  effort => measureCpu(effort, 'external', VIEWERS),
  async effort => {
    const { p50, p95 } = await measureHop(effort, 'managed')
    return [p50, p95]
  },
  async effort => {
    const { p50, p95 } = await measureHop(effort, 'external')
    return [p50, p95]
  },
  measurePost,
  measureAudio,
]
