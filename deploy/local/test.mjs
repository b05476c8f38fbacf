/** `npm test`: sets up, then runs all checks that take minutes at most. */

import { runChecks, toolCheck } from './checks/checks.mjs'
import { runTap } from './checks/tap.mjs'

const PARTS = ['media', 'exporter', 'shared', 'deploy']

await runChecks([
  toolCheck('types', 'tsc'),
  toolCheck('types of the pages', 'tsc', '-p', 'media/web/static'),
  toolCheck('lint', 'eslint', '.'),
  toolCheck('circular imports', 'depcruise', ...PARTS),
  toolCheck('format', 'prettier', '--check', '--log-level=warn', '.'),
  context => runTap([], context),
])
