/**
 * The exporter process.
 *
 *     node exporter/main.ts [--help | --version | --check-config]
 *
 * Exit codes: 0 stopped on request, 1 failed, 2 bad settings.
 */
import { host } from '../shared/runtime/host.ts'
import { runProgram } from '../shared/runtime/program.ts'
import packageJson from '../package.json' with { type: 'json' }
import { startApp } from './app.ts'
import { systemClock } from '../shared/runtime/clock.ts'
import { readConfig, SETTINGS } from './config.ts'
import { LIMITS } from './limits.ts'

const { version } = packageJson

process.exitCode = await runProgram(
  {
    script: 'exporter/main.ts',
    version,
    settings: SETTINGS,
    readConfig,
    check: () => undefined,
    start: (config, log) =>
      startApp(config, { version, limits: LIMITS, clock: systemClock, log }),
  },
  host,
)
