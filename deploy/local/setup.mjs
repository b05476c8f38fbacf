/** `npm run setup`: gets everything that `npm start` needs, and ends. */

import { program } from './setup/program.mjs'

await program('run', () => Promise.resolve(0))
