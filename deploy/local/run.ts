/**
 * Runs both processes with the stream `demo`, on a machine that is set up;
 * `npm start` sets up first. Takes the settings of both processes.
 */

import { join } from 'node:path'
import { playUntilSignal } from './run/play.ts'
import { probeUrl } from './run/probe-url.ts'
import { ROOT } from './setup/checkout.mjs'

await playUntilSignal({
  media: [process.execPath, join(ROOT, 'media', 'main.ts')],
  exporter: [process.execPath, join(ROOT, 'exporter', 'main.ts')],
  env: {
    CORE_DB_DIR: join(ROOT, 'data'),
    CORE_PROCESS_FILE: join(ROOT, 'deploy', 'local', 'demo.json'),
    EXPORTER_PROBE_URL: probeUrl(process.env),
    ...process.env,
  },
})
