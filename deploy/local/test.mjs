/** `npm test`: sets up, then checks everything that takes minutes at most. */

import { runChecks, toolCheck } from './checks/checks.mjs'
import { runTap } from './checks/tap.mjs'

await runChecks([
  toolCheck('types', 'tsc'),
  toolCheck('types of the pages', 'tsc', '-p', 'media/web/static'),
  toolCheck('lint', 'eslint', '.'),
  toolCheck(
    'circular imports',
    'depcruise',
    ...['media', 'exporter', 'shared', 'deploy'],
  ),
  toolCheck('format', 'prettier', '--check', '--log-level=warn', '.'),
  context => runTap([], context),
])
