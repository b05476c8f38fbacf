import { host } from '../shared/runtime/host.ts'
import { runProgram } from '../shared/runtime/program.ts'
import packageJson from '../package.json' with { type: 'json' }
import { checkApp, startApp } from './app.ts'
import { readConfig, SETTINGS } from './config.ts'

const { version } = packageJson
const { source } = host

/** Runs the media process with its arguments. @returns the exit code */
export function run(): Promise<0 | 1 | 2> {
  return runProgram(
    {
      script: 'media/main.ts',
      version,
      settings: SETTINGS,
      readConfig,
      check: config => {
        checkApp(config, source)
      },
      start: (config, log) => startApp(config, { version, log, source }),
    },
    host,
  )
}
