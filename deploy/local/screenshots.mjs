/** `npm run screenshots`: sets up, then takes the pictures of the pages. */

import { fileURLToPath } from 'node:url'
import { NODE } from './setup/checkout.mjs'
import { handOver } from './setup/command.mjs'
import { program } from './setup/program.mjs'

const TAKE = fileURLToPath(new URL('../pictures/take.ts', import.meta.url))

await program('test', env => handOver([NODE, TAKE], { env }))
