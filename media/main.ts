/**
 * The media process: RTP from FFmpeg in, WHEP and SRTP out.
 *
 *     node media/main.ts [--help | --version | --check-config]
 *
 * Exit codes: 0 stopped on request, 1 failed, 2 bad settings.
 */
import { host } from '../shared/runtime/host.ts'
import { runProgram } from '../shared/runtime/program.ts'
import packageJson from '../package.json' with { type: 'json' }
import { checkApp, startApp } from './app.ts'
import { readConfig, SETTINGS } from './config.ts'

const { version } = packageJson
const { source } = host

process.exitCode = await runProgram(
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
