/** `npm run latency`: sets up, then checks the latency of the media process. */

import { join } from 'node:path'
import { NODE, ROOT } from './setup/checkout.mjs'
import { handOver } from './setup/command.mjs'
import { program } from './setup/program.mjs'

const SCRIPT = join('deploy', 'bench', 'latency.ts')

await program('run', env => handOver([NODE, SCRIPT], { cwd: ROOT, env }))
