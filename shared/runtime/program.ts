/**
 * shared/runtime has the parts that both processes are built from.
 * Owns: the command line, settings, log, clock, errors, files, HTTP listener.
 * Gets: the operating system, by host.ts and node:*.
 * Gives: `runProgram` to exporter/main.ts and media/main.ts, parts to the rest.
 */
import { reasonOf } from './errors.ts'
import { readCommandLine } from './command-line.ts'
import type { Host } from './host.ts'
import { createLog, type Log } from './log.ts'
import {
  describeSettings,
  SettingsError,
  type SettingsSource,
  type SettingsTable,
} from './settings.ts'

/** A running process; `close` ends it. */
export interface Running {
  /** Lets clients leave before `close`; resolves soon once `signal` aborts. */
  drain?(signal: AbortSignal): Promise<void>
  close(): Promise<void>
}

export interface Program<Config> {
  /** Path of the script, as `--help` shows it. */
  readonly script: string
  readonly version: string
  readonly settings: SettingsTable
  /** @throws {SettingsError} */
  readonly readConfig: (source: SettingsSource) => Config
  /** Checks files and programs that the settings name; throws like `start`. */
  readonly check: (config: Config) => void
  readonly start: (config: Config, log: Log) => Promise<Running>
}

/**
 * Runs the program by its command line. Never rejects: errors are logged.
 * @returns the exit code: 0 success, 1 failure, 2 bad settings or arguments
 */
export async function runProgram<Config>(
  program: Program<Config>,
  host: Host,
): Promise<0 | 1 | 2> {
  const log = createLog(host)
  try {
    await perform(program, host, log)
    return 0
  } catch (error) {
    if (error instanceof SettingsError) {
      for (const problem of error.problems)
        log.error('bad setting', { problem })
      return 2
    }
    const reason = reasonOf(error)
    log.error('cannot run', { reason })
    return error instanceof RangeError ? 2 : 1
  }
}

async function perform<Config>(
  program: Program<Config>,
  host: Host,
  log: Log,
): Promise<void> {
  const { script, version, settings, readConfig } = program
  const command = readCommandLine(host.args)
  switch (command) {
    case 'help':
      host.write(
        `Usage: node ${script} [--help | --version | --check-config]\n\n` +
          `Settings are environment variables:\n${describeSettings(settings)}`,
      )
      return
    case 'version':
      host.write(`${version}\n`)
      return
    case 'check-config':
      program.check(readConfig(host.source))
      host.write('Settings are valid\n')
      return
    case 'run': {
      const terminated = host.terminated()
      const running = await program.start(readConfig(host.source), log)
      log.info('ending', { signal: await terminated })
      await drain(running, host)
      await running.close()
      log.info('ended')
      return
    }
    default:
      command satisfies never
  }
}

/** Drains until the process is done with it, or a second signal arrives. */
async function drain(running: Running, host: Host): Promise<void> {
  const secondSignal = new AbortController()
  const drained = new AbortController()
  void host.terminated(drained.signal).then(() => {
    secondSignal.abort()
  })
  await running.drain?.(secondSignal.signal)
  drained.abort()
}
