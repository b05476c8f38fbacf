/**
 * `npm run soak`: sets up, then runs the long tests one after the other.
 * `npm run soak -- --long` extends the healthy run to an hour.
 */

import { join } from 'node:path'
import { filesOf, runChecks } from './checks/checks.mjs'
import { runTap } from './checks/tap.mjs'

const isLong = process.argv.includes('--long')
const timeoutS = isLong ? 5400 : 1800

await runChecks([
  context => {
    const env = { ...context.env, SOAK_LONG: isLong ? '1' : '' }
    const options = ['--jobs=1', `--timeout=${timeoutS}`]
    const files = filesOf(join('test', 'soak'))
    return runTap([...options, ...files], { ...context, env })
  },
])
