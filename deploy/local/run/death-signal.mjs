/** Children that end with us even if we are killed by SIGKILL. */

import { spawnSync } from 'node:child_process'
import { findProgram } from '../setup/checkout.mjs'

/** A command: the program and its arguments. */
/** @typedef {[program: string, ...args: string[]]} Command */

/** @type {Command | [] | undefined} */
let prefix

/**
 * The command for a child that the kernel sends SIGTERM when this process is
 * gone, by util-linux's setpriv. Where there is none (Debian always has it)
 * the command stays as it is.
 *
 * @param {Command} command
 * @returns {Command}
 */
export function tied(command) {
  prefix ??= findPrefix()
  const [program, ...args] = prefix
  return program === undefined ? command : [program, ...args, ...command]
}

/** @returns {Command | []} by its path: the child may have a PATH of its own */
function findPrefix() {
  const setpriv = findProgram('setpriv', process.env)
  if (setpriv === undefined) return []
  const options = ['--pdeathsig', 'TERM']
  // Not every setpriv can.
  const { status } = spawnSync(setpriv, [...options, 'true'])
  return status === 0 ? [setpriv, ...options, '--'] : []
}
