/** What the commands have in common: set up, work, end. */

import { Report } from './report.mjs'
import { setUp } from './set-up.mjs'
import { SetupError } from './setup-error.mjs'

const OLDEST_NODE = 20
/** The shell's codes for a program that such a signal ended. */
const EXIT_CODES = { SIGHUP: 129, SIGINT: 130, SIGTERM: 143 }

/**
 * Sets up and then works; the process ends with the exit code that the work
 * returns. A signal before the work ends the set-up and what it runs; from
 * then on signals are the work's.
 *
 * @param {'run' | 'test'} purpose
 * @param {(env: NodeJS.ProcessEnv) => Promise<number>} work
 */
export async function program(purpose, work) {
  const report = new Report(process.stderr)
  const stop = new AbortController()
  /** @type {[NodeJS.Signals, () => void][]} */
  const listeners = Object.entries(EXIT_CODES).map(([name, code]) => [
    /** @type {NodeJS.Signals} */ (name),
    () => {
      process.exitCode = code
      stop.abort()
    },
  ])
  for (const [name, listener] of listeners) process.on(name, listener)
  try {
    const major = parseInt(process.versions.node)
    if (major < OLDEST_NODE) {
      throw new SetupError(
        `Node ${process.versions.node} is too old, ${OLDEST_NODE} is needed`,
      )
    }
    const context = { env: process.env, report, signal: stop.signal }
    const env = await setUp(purpose, context)
    for (const [name, listener] of listeners) process.off(name, listener)
    process.exitCode = await work(env)
  } catch (error) {
    if (stop.signal.aborted) return
    if (!(error instanceof SetupError)) throw error
    report.say(error.message)
    process.exitCode = 1
  }
}
