/** `npm run load`: sets up, then has viewers watch an installation. */

import { fileURLToPath } from 'node:url'
import { NODE } from './setup/checkout.mjs'
import { handOver } from './setup/command.mjs'
import { program } from './setup/program.mjs'

const LOAD = fileURLToPath(new URL('../load/main.ts', import.meta.url))
const args = process.argv.slice(2)

await program('load', env => handOver([NODE, LOAD, ...args], { env }))
