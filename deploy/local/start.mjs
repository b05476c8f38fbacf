/**
 * deploy/local has the npm commands, and installs what they need.
 * Owns: node_modules/, Debian packages, the worker in ~/.cache/dragonfork.
 * Gets: a checkout on a machine with Node and npm, and environment variables.
 * Gives: npm start, test, soak, bench and setup; the media image uses setup.
 *
 * `npm start`: sets up, then plays the stream `demo` until Ctrl-C.
 */

import { fileURLToPath } from 'node:url'
import { NODE } from './setup/checkout.mjs'
import { handOver } from './setup/command.mjs'
import { program } from './setup/program.mjs'

const RUN = fileURLToPath(new URL('run.ts', import.meta.url))

await program('run', env => handOver([NODE, RUN], { env }))
