/** `npm run bench`: sets up, then prints what things cost, a file at a time. */

import { filesOf } from './checks/checks.mjs'
import { NODE, ROOT } from './setup/checkout.mjs'
import { handOver } from './setup/hand-over.mjs'
import { program } from './setup/program.mjs'

await program('test', async (env, signal) => {
  let failed = 0
  for (const file of filesOf('bench')) {
    signal.throwIfAborted()
    process.stdout.write(`\n${file}\n\n`)
    failed += (await handOver([NODE, file], { cwd: ROOT, env })) === 0 ? 0 : 1
  }
  return failed === 0 ? 0 : 1
})
