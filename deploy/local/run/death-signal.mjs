/** Children that end with us even if we are killed by SIGKILL. */

import { spawnSync } from 'node:child_process'

/** A command: the program and its arguments. */
/** @typedef {[program: string, ...args: string[]]} Command */

/** @type {boolean | undefined} */
let canTie

/**
 * The command for a child that the kernel sends SIGTERM when this process is
 * gone, by util-linux's setpriv. Where there is none (Debian always has it)
 * the command stays as it is.
 *
 * @param {Command} command
 * @returns {Command}
 */
export function tied(command) {
  canTie ??= spawnSync('setpriv', ['--pdeathsig', 'TERM', 'true']).status === 0
  return canTie ? ['setpriv', '--pdeathsig', 'TERM', '--', ...command] : command
}
