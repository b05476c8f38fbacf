/**
 * `npm run latency`: fails if the server hop of a managed stream is too long
 * beside a bare UDP relay.
 */
import { fileURLToPath } from 'node:url'
import { checkLatency } from './media/latency-gate.ts'
import { claimCpus } from './rig/cpus.ts'
import { NoiseMeter, noiseText } from './rig/machine-noise.ts'
import { showProgress } from './rig/progress.ts'

const noise = new NoiseMeter()
const { passed, text } = await checkLatency({
  checkout: fileURLToPath(new URL('../../', import.meta.url)),
  cpus: claimCpus(),
  roundMs: 3_000,
  onProgress: showProgress,
})
showProgress('')
process.stdout.write(
  `${passed ? 'ok    ' : 'FAILED'}  ${text}\n        ${noiseText(noise.stop())}\n`,
)
process.exitCode = passed ? 0 : 1
