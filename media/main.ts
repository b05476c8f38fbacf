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
import { checkApp, startApp } from './app.ts'
import { readConfig, SETTINGS } from './config.ts'

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
      checkApp(readConfig(source), source)
      process.stdout.write('The settings are good\n')
      return
    case 'run':
      await run()
  }
}

async function run(): Promise<void> {
  const asked = new Promise<NodeJS.Signals>(resolve => {
    process.once('SIGINT', resolve)
    process.once('SIGTERM', resolve)
  })
  const app = await startApp(readConfig(source), {
    version: packageJson.version,
    log,
    source,
  })
  log.info('ending', { signal: await asked })
  await app.close()
  log.info('ended')
}

try {
  await perform(readCommandLine(process.argv.slice(2)))
} catch (error) {
  if (error instanceof SettingsError) {
    for (const problem of error.problems) log.error('bad setting', { problem })
    process.exitCode = 2
  } else {
    const reason = error instanceof Error ? error.message : String(error)
    log.error('cannot run', { reason })
    process.exitCode = error instanceof RangeError ? 2 : 1
  }
}
