/**
 * What the media process costs, as multiples of a bare UDP relay or HTTP server
 * that is measured beside it: CPU time per packet, time in the server, time of
 * a WHEP POST, and audio while POSTs arrive.
 *
 * Usage: node deploy/bench/media.ts [--against <checkout>] [--update-baseline]
 *
 * `--against` measures another checkout too, in turn with this one.
 * `--update-baseline` writes baseline.json, which `npm run soak` compares with.
 */
import { resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { writeBaseline } from './media/baseline.ts'
import { begin } from './media/begin.ts'
import { resultText, type Result } from './media/result.ts'
import { MEASUREMENTS } from './media/suite.ts'
import { NoiseMeter, noiseText } from './rig/machine-noise.ts'
import { showProgress } from './rig/progress.ts'

const { values } = parseArgs({
  options: {
    against: { type: 'string' },
    'update-baseline': { type: 'boolean', default: false },
  },
})
const { against } = values

const write = (line: string) => {
  showProgress('')
  process.stdout.write(`${line}\n`)
}
const effort = { ...begin(), rounds: 5 }

const noise = new NoiseMeter()
const all: Result[] = []
write(
  `multiples, median (range) of ${effort.rounds} rounds; CPU, hop and audio`,
)
write("of a bare UDP relay's, POST of a bare HTTP server's")
for (const measure of MEASUREMENTS) {
  const results = await measure(effort)
  for (const result of results) write(resultText(result))
  all.push(...results)
  if (against === undefined) continue
  const others = await measure({ ...effort, checkout: resolve(against) })
  for (const other of others) {
    write(resultText({ ...other, name: `  against: ${other.name}` }))
  }
}
write(noiseText(noise.stop()))
if (values['update-baseline']) await writeBaseline(all)
