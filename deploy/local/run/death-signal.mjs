/** Children that end with us even if we are killed by SIGKILL. */

import { spawnSync } from 'node:child_process'
import { findProgram } from '../setup/checkout.mjs'

/** A command: the program and its arguments. */
/** @typedef {[program: string, ...args: string[]]} Command */

/**
 * The command for a child that the kernel sends SIGTERM when this process is
 * gone, by util-linux's setpriv. Where there is none (Debian always has it)
 * the command stays as it is.
 *
 * @param {Command} command
 * @returns {Command}
 */
export function tied(command) {
  return dyingBy('TERM', command) ?? command
}

/**
 * The command for a child that leads a process group, all of which is killed
 * when this process is gone: npm, asked by SIGTERM, goes on for a while to
 * remove what the next one installs.
 *
 * @param {Command} command
 * @returns {Command}
 */
export function tiedGroup(command) {
  return dyingBy('USR1', ['/bin/sh', '-c', LEADER, 'sh', ...command]) ?? command
}

/**
 * SIGTERM to the group is the program's affair, so the shell stays; but its
 * `wait` returns then, perhaps before the program has ended.
 */
const LEADER = `
  trap 'kill -KILL 0' USR1
  trap : TERM
  "$@" &
  while
    wait $!
    code=$?
    kill -0 $! 2>/dev/null
  do :; done
  exit $code`

/** @type {string | undefined} */
let setpriv

/**
 * @param {string} signal
 * @param {Command} command
 * @returns {Command | undefined} undefined where that cannot be had
 */
function dyingBy(signal, command) {
  setpriv ??= findSetpriv()
  if (setpriv === '') return undefined
  return [setpriv, '--pdeathsig', signal, '--', ...command]
}

/** Its path, since a child may have a PATH of its own; empty for none. */
function findSetpriv() {
  const path = findProgram('setpriv', process.env)
  if (path === undefined) return ''
  // Not every setpriv can.
  const { status } = spawnSync(path, ['--pdeathsig', 'TERM', 'true'])
  return status === 0 ? path : ''
}
