/** What the commands have in common: set up, work, end. */

import { Report } from './report.mjs'
import { setUp } from './set-up.mjs'
import { SetupError } from './setup-error.mjs'

const OLDEST_NODE = 20
/** The shell's codes for a program that such a signal ended. */
const EXIT_CODES = { SIGHUP: 129, SIGINT: 130, SIGTERM: 143 }

/**
 * Sets up and then works; the process ends with the exit code that the work
 * returns, or with that of the signal that ended it.
 *
 * @param {'run' | 'test'} purpose
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
    const major = parseInt(process.versions.node)
    if (major < OLDEST_NODE) {
      throw new SetupError(
        `Node ${process.versions.node} is too old, ${OLDEST_NODE} is needed`,
      )
    }
    const context = { env: process.env, report, signal: stop.signal }
    process.exitCode = await work(await setUp(purpose, context), stop.signal)
  } catch (error) {
    if (stop.signal.aborted) return
    if (!isForTheUser(error)) throw error
    report.say(error.message)
    process.exitCode = 1
  }
}

/**
 * Whether the message says enough: set-up's own, or the system's, which names
 * the file that it could not write.
 *
 * @param {unknown} error
 * @returns {error is Error}
 */
function isForTheUser(error) {
  return (
    error instanceof SetupError ||
    (error instanceof Error && 'syscall' in error)
  )
}
