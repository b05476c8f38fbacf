/**
 * `npm run bench`: sets up, then runs the benchmarks one after the other.
 * `npm run bench -- media` runs one of them, with the arguments that follow.
 */

import { basename } from 'node:path'
import { filesOf } from './checks/checks.mjs'
import { NODE, ROOT } from './setup/checkout.mjs'
import { handOver } from './setup/command.mjs'
import { program } from './setup/program.mjs'

const [only, ...args] = process.argv.slice(2)

await program('test', async (env, signal) => {
  const all = filesOf('bench')
  const files = all.filter(
    file => only === undefined || basename(file, '.ts') === only,
  )
  if (files.length === 0) {
    const names = all.map(file => basename(file, '.ts')).join(', ')
    process.stderr.write(`Unknown benchmark ${only ?? ''}, known: ${names}\n`)
    return 2
  }
  let code = 0
  for (const file of files) {
    signal.throwIfAborted()
    process.stdout.write(`\n${file}\n\n`)
    const command = /** @type {const} */ ([NODE, file])
    const failed = await handOver([...command, ...args], { cwd: ROOT, env })
    if (failed !== 0) code = 1
  }
  return code
})
