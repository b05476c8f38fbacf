/** `npm run bench`: sets up, then runs the benchmarks one after the other. */

import { filesOf } from './checks/checks.mjs'
import { NODE, ROOT } from './setup/checkout.mjs'
import { handOver } from './setup/command.mjs'
import { program } from './setup/program.mjs'

await program('test', async (env, signal) => {
  let code = 0
  for (const file of filesOf('bench')) {
    signal.throwIfAborted()
    process.stdout.write(`\n${file}\n\n`)
    if ((await handOver([NODE, file], { cwd: ROOT, env })) !== 0) code = 1
  }
  return code
})
