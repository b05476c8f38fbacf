/** `npm run soak`: sets up, then runs the long tests, one after the other. */

import { join } from 'node:path'
import { filesOf, runChecks } from './checks/checks.mjs'
import { runTap } from './checks/tap.mjs'
import { NOTHING } from './checks/tally.mjs'

const TIME_LIMIT_S = 1800

await runChecks([
  async context => {
    const files = filesOf(join('test', 'soak'))
    if (files.length === 0) return NOTHING
    return runTap(['--jobs=1', `--timeout=${TIME_LIMIT_S}`, ...files], context)
  },
])
