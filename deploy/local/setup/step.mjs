/** A step of the set-up: what it prints is kept, and a failure names that. */

import { run } from './command.mjs'
import { Log, logPath } from './log.mjs'
import { SetupError } from './setup-error.mjs'

/**
 * @typedef {import('./command.mjs').CommandOptions} CommandOptions
 * @typedef {import('./command.mjs').Outcome} Outcome
 *
 * @typedef {object} Plan
 * @property {string} log the name of its log
 * @property {string} what it does, for the user
 * @property {string} usually how long that takes
 * @property {string} advice what the user can do if it fails: sentences
 *
 * @typedef {object} Step what its work uses
 * @property {(text: string) => void} progress says how far it is
 * @property {(program: string, args: readonly string[],
 *   options?: CommandOptions) => Promise<Outcome>} run like `run`, into
 *   the log, and tied to this process
 */

/**
 * Does a step of the set-up. One that fails throws a SetupError with the
 * reason, the advice and the path of the log.
 *
 * @template T
 * @param {Plan} plan
 * @param {import('./context.mjs').Context} context
 * @param {(step: Step) => Promise<T>} work
 * @returns {Promise<T>}
 */
export async function step(plan, { env, report, signal }, work) {
  const log = new Log(logPath(plan.log, env))
  try {
    return await report.step(plan.what, plan.usually, progress =>
      work({
        progress,
        run: (program, args, options) =>
          runInto(log, program, args, {
            env,
            signal,
            tied: true,
            ...options,
          }),
      }),
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

/**
 * @param {Log} log
 * @param {string} program
 * @param {readonly string[]} args
 * @param {CommandOptions} options
 */
async function runInto(log, program, args, options) {
  log.write(`$ ${[program, ...args].join(' ')}`)
  const outcome = await run(program, args, {
    ...options,
    onLine: line => {
      log.write(line)
      options.onLine?.(line)
    },
  })
  if (outcome.code !== 0) log.write(`(exit code ${String(outcome.code)})`)
  return outcome
}
