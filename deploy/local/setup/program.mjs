/** Runs any command: sets up, works, and ends with an exit code. */

import { delimiter } from 'node:path'
import { findWorker, makeWorker } from '../worker/obtain.mjs'
import { findPlace } from '../worker/place.mjs'
import { BIN, setting } from './checkout.mjs'
import { SetupError } from './context.mjs'
import { installPackages } from './debian.mjs'
import { installModules } from './modules.mjs'
import { TO_BUILD_WORKER, TO_LOAD, TO_RUN, TO_TEST } from './packages.mjs'
import { checkPlatform } from './platform.mjs'
import { Report } from './report.mjs'

/** What is set up for: the programs that it needs differ. */
/** @typedef {'run' | 'load' | 'test'} Purpose */

const PACKAGES = { run: TO_RUN, load: TO_LOAD, test: TO_TEST }

/** Debian has haproxy there; only root has the folder on PATH. */
const SBIN = '/usr/sbin'

/** The shell's exit codes for a program that such a signal ended. */
const EXIT_CODES = { SIGHUP: 129, SIGINT: 130, SIGTERM: 143 }

/**
 * Sets up, then works. The process ends with the exit code that the work
 * returns, or with that of the signal that ended it.
 *
 * @param {Purpose} purpose
 * @param {(env: NodeJS.ProcessEnv, signal: AbortSignal) => Promise<number>} work
 */
export async function program(purpose, work) {
  const report = new Report(process.stderr)
  const stop = new AbortController()
  for (const [name, code] of Object.entries(EXIT_CODES)) {
    process.on(name, () => {
      process.exitCode = code
      stop.abort()
    })
  }
  try {
    checkPlatform()
    const env = {
      ...process.env,
      PATH: [process.env['PATH'], SBIN].join(delimiter),
    }
    const context = { env, report, signal: stop.signal }
    process.exitCode = await work(await setUp(purpose, context), stop.signal)
  } catch (error) {
    if (stop.signal.aborted) return
    // A system call's error names the file that could not be written.
    const isForUser =
      error instanceof SetupError ||
      (error instanceof Error && 'syscall' in error)
    if (!isForUser) throw error
    report.say(error.message)
    process.exitCode = 1
  }
}

/**
 * Installs what a fresh clone on a fresh machine lacks, skips what is present,
 * and returns the environment to work in.
 *
 * @param {Purpose} purpose
 * @param {import('./context.mjs').Context} context
 * @returns {Promise<NodeJS.ProcessEnv>}
 */
async function setUp(purpose, context) {
  await installModules(context)
  const { env } = context
  const place = await findPlace(env)
  const found = await findWorker(place, context)
  const hasOwnFfmpeg = setting(env, 'CORE_FFMPEG_BINARY') !== undefined
  const needed = PACKAGES[purpose].filter(
    ({ name }) => name !== 'ffmpeg' || purpose === 'test' || !hasOwnFfmpeg,
  )
  // One call of apt-get for all packages: the user types at most one command.
  await installPackages(
    [...needed, ...(found === undefined ? TO_BUILD_WORKER : [])],
    context,
  )
  return {
    ...env,
    PATH: [BIN, env['PATH']].join(delimiter),
    MEDIASOUP_WORKER_BIN: found ?? (await makeWorker(place, context)),
  }
}
