/** `npm start`: sets up, then plays the stream `demo` until Ctrl-C. */

import { fileURLToPath } from 'node:url'
import { NODE } from './setup/checkout.mjs'
import { handOver } from './setup/command.mjs'
import { program } from './setup/program.mjs'

const RUN = fileURLToPath(new URL('run.ts', import.meta.url))

await program('run', env => handOver([NODE, RUN], { env }))
