/**
 * A step of the set-up. The output of its programs goes to a log in the cache;
 * the error of a failed step names the log.
 */

import { closeSync, mkdirSync, openSync, rmSync, writeSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { cacheFolder } from './checkout.mjs'
import { run } from './command.mjs'
import { SetupError } from './context.mjs'

/** A hundred times the output of building the worker. */
const MAX_LOG_BYTES = 16 * 1024 * 1024

/**
 * @typedef {import('./command.mjs').CommandOptions} CommandOptions
 * @typedef {import('./command.mjs').Outcome} Outcome
 *
 * @typedef {object} Plan
 * @property {string} log the name of its log, such as `npm-ci`
 * @property {string} what it does, for the user
 * @property {string} usually how long that takes
 * @property {string} advice what the user can do if it fails: sentences
 *
 * @typedef {object} Step
 * @property {(text: string) => void} progress shows the progress of the step
 * @property {(program: string, args: readonly string[],
 *   options?: CommandOptions) => Promise<Outcome>} run like `run`, but logged,
 *   and tied to this process
 */

/**
 * Runs a step of the set-up.
 *
 * @template T
 * @param {Plan} plan
 * @param {import('./context.mjs').Context} context
 * @param {(step: Step) => Promise<T>} work
 * @returns {Promise<T>}
 * @throws {SetupError} with the reason, the advice and the path of the log
 */
export async function step(plan, { env, report, signal }, work) {
  const log = new Log(join(cacheFolder(env), 'logs', `${plan.log}.log`))
  /** @type {Step['run']} */
  const runLogged = async (program, args, options = {}) => {
    log.write(`$ ${[program, ...args].join(' ')}`)
    const outcome = await run(program, args, {
      env,
      signal,
      tied: true,
      ...options,
      onLine: line => {
        log.write(line)
        options.onLine?.(line)
      },
    })
    if (outcome.code !== 0) log.write(`(exit code ${String(outcome.code)})`)
    return outcome
  }
  try {
    return await report.step(plan.what, plan.usually, progress =>
      work({ progress, run: runLogged }),
    )
  } catch (cause) {
    signal?.throwIfAborted()
    const reason = cause instanceof Error ? cause.message : String(cause)
    log.write(reason)
    throw new SetupError(
      `${reason}\n${plan.advice} The whole log is ${log.path}`,
      { cause },
    )
  } finally {
    log.close()
  }
}

/** An open log, written line by line so that it survives a killed set-up. */
class Log {
  #file
  #bytesLeft = MAX_LOG_BYTES

  /** @param {string} path */
  constructor(path) {
    this.path = path
    mkdirSync(dirname(path), { recursive: true })
    // A new file: another set-up may be writing into the old one.
    rmSync(path, { force: true })
    this.#file = openSync(path, 'w')
  }

  /** @param {string} line */
  write(line) {
    if (this.#bytesLeft <= 0) return
    const bytes = Buffer.from(`${line}\n`)
    this.#bytesLeft -= bytes.length
    writeSync(this.#file, bytes)
    if (this.#bytesLeft <= 0) writeSync(this.#file, '(truncated)\n')
  }

  close() {
    closeSync(this.#file)
  }
}
