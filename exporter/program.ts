import { host } from '../shared/runtime/host.ts'
import { runProgram } from '../shared/runtime/program.ts'
import packageJson from '../package.json' with { type: 'json' }
import { startApp } from './app.ts'
import { systemClock } from '../shared/runtime/clock.ts'
import { readConfig, SETTINGS } from './config.ts'
import { LIMITS } from './limits.ts'

const { version } = packageJson

/** Runs the exporter process with its arguments. @returns the exit code */
export function run(): Promise<0 | 1 | 2> {
  return runProgram(
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
}
