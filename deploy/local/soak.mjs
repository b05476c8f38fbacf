/**
 * `npm run soak`: sets up, then runs the long tests, one after the other.
 * `npm run soak -- --long` gives the healthy run an hour.
 */

import { join } from 'node:path'
import { filesOf, runChecks } from './checks/checks.mjs'
import { runTap } from './checks/tap.mjs'
import { NOTHING } from './checks/tally.mjs'

const isLong = process.argv.includes('--long')
const TIME_LIMIT_S = isLong ? 5400 : 1800

await runChecks([
  async context => {
    const files = filesOf(join('test', 'soak'))
    if (files.length === 0) return NOTHING
    const env = { ...context.env, SOAK_LONG: isLong ? '1' : '' }
    const options = ['--jobs=1', `--timeout=${TIME_LIMIT_S}`]
    return runTap([...options, ...files], { ...context, env })
  },
])
