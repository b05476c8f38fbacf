/** Children that end with this process even if SIGKILL ends it. */

import { spawnSync } from 'node:child_process'
import { findProgram } from './checkout.mjs'

/** A program and its arguments. */
/** @typedef {[program: string, ...args: string[]]} Command */

/**
 * The command for a child that gets SIGTERM from the kernel when this process
 * ends, by util-linux's setpriv. Without setpriv, which Debian always has, the
 * command is unchanged.
 *
 * @param {Command} command
 * @returns {Command}
 */
export function tied(command) {
  return withDeathSignal('TERM', command) ?? command
}

/**
 * The command for a child whose whole process group is killed when this process
 * ends. SIGTERM is not enough for npm, which then spends a while removing files
 * that the next npm may be installing.
 *
 * @param {Command} command
 * @returns {Command}
 */
export function tiedGroup(command) {
  const leader = /** @type {const} */ (['/bin/sh', '-c', LEADER, 'sh'])
  return withDeathSignal('USR1', [...leader, ...command]) ?? command
}

/**
 * The program handles a SIGTERM to the group, so the shell survives it; but
 * `wait` then returns, perhaps before the program has ended.
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
 * @returns {Command | undefined} undefined if this machine cannot do it
 */
function withDeathSignal(signal, command) {
  setpriv ??= findSetpriv()
  if (setpriv === '') return undefined
  return [setpriv, '--pdeathsig', signal, '--', ...command]
}

/** Its path, since a child may have another PATH; empty if there is none. */
function findSetpriv() {
  const path = findProgram('setpriv', process.env)
  if (path === undefined) return ''
  // Busybox's setpriv has no such option.
  const { status } = spawnSync(path, ['--pdeathsig', 'TERM', 'true'])
  return status === 0 ? path : ''
}
