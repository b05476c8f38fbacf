/**
 * The media process: FFmpeg RTP in, WHEP and SRTP out.
 *
 *     node media/main.ts [--help | --version | --check-config]
 *
 * Exit codes: 0 ended as asked, 1 could not start or broke, 2 bad settings.
 */
import { readFileSync } from 'node:fs'
import { readCommandLine, type Command } from '../shared/command-line.ts'
import { createLog } from '../shared/log.ts'
import {
  describeSettings,
  SettingsError,
  type SettingsSource,
} from '../shared/settings.ts'
import packageJson from '../package.json' with { type: 'json' }
import { readConfig, SETTINGS } from './config.ts'
import { checkApp, startApp } from './app.ts'

const USAGE = `Usage: node media/main.ts [--help | --version | --check-config]

Settings are environment variables:
`

const log = createLog({
  write: line => process.stdout.write(line),
  now: () => new Date(),
})

const source: SettingsSource = {
  env: process.env,
  readFile: path => readFileSync(path, 'utf8'),
}

async function perform(command: Command): Promise<void> {
  switch (command) {
    case 'help':
      process.stdout.write(USAGE + describeSettings(SETTINGS))
      return
    case 'version':
      process.stdout.write(`${packageJson.version}\n`)
      return
    case 'check-config':
      checkApp(readConfig(source))
      process.stdout.write('The settings are good\n')
      return
    case 'run':
      await run()
  }
}

async function run(): Promise<void> {
  const ended = new AbortController()
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.on(signal, () => {
      log.info('ending', { signal })
      ended.abort()
    })
  }
  const app = await startApp(readConfig(source), {
    version: packageJson.version,
    log,
    signal: ended.signal,
  })
  await app.ended
  log.info('ended')
}

try {
  await perform(readCommandLine(process.argv.slice(2)))
} catch (error) {
  if (error instanceof SettingsError) {
    for (const problem of error.problems) log.error('bad setting', { problem })
    process.exitCode = 2
  } else {
    log.error('cannot run', { error })
    process.exitCode = error instanceof RangeError ? 2 : 1
  }
}
