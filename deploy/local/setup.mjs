/** `npm run setup`: installs everything that `npm start` needs. */

import { program } from './setup/program.mjs'

await program('run', () => Promise.resolve(0))
