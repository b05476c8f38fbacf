/**
 * The exporter: what the media process tells, as Prometheus reads it.
 *
 *     node exporter/main.ts [--help | --version | --check-config]
 *
 * Exit codes: 0 ended as asked, 1 could not start or broke, 2 bad settings.
 */
import { host } from '../shared/host.ts'
import { runProgram } from '../shared/program.ts'
import packageJson from '../package.json' with { type: 'json' }
import { startApp } from './app.ts'
import { readConfig, SETTINGS } from './config.ts'

const { version } = packageJson
const clock = { epochMs: Date.now, steadyMs: () => performance.now() }

process.exitCode = await runProgram(
  {
    script: 'exporter/main.ts',
    version,
    settings: SETTINGS,
    readConfig,
    check: () => undefined,
    start: (config, log) => startApp(config, { version, clock, log }),
  },
  host,
)
