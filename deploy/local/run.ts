/**
 * Runs both processes with the stream `demo`, on a machine that is set up;
 * `npm start` does that first. Settings are those of both processes.
 */

import { join } from 'node:path'
import { runUntilSignal } from './run/program.ts'
import { ROOT } from './setup/checkout.mjs'

await runUntilSignal({
  media: [process.execPath, join(ROOT, 'media', 'main.ts')],
  exporter: [process.execPath, join(ROOT, 'exporter', 'main.ts')],
  env: {
    CORE_DB_DIR: join(ROOT, 'data'),
    CORE_PROCESS_FILE: join(ROOT, 'deploy', 'local', 'demo.json'),
    ...process.env,
  },
})
