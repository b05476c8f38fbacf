/**
 * `npm run latency`: fails if the server hop of a managed stream is too long
 * beside a bare UDP relay.
 */
import { begin } from './media/begin.ts'
import { checkLatency } from './media/latency-gate.ts'
import { NoiseMeter, noiseText } from './rig/machine-noise.ts'
import { showProgress } from './rig/progress.ts'

const noise = new NoiseMeter()
const { passed, text } = await checkLatency(begin())
showProgress('')
process.stdout.write(`${passed ? 'ok    ' : 'FAILED'}  ${text}\n`)
process.stdout.write(`        ${noiseText(noise.stop())}\n`)
process.exitCode = passed ? 0 : 1
