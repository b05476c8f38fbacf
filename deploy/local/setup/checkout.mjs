/** Paths of this checkout, its programs, and the cache that checkouts share. */

import { accessSync, constants } from 'node:fs'
import { homedir } from 'node:os'
import { delimiter, join } from 'node:path'
import { fileURLToPath } from 'node:url'

/** The folder that package.json is in. */
export const ROOT = fileURLToPath(new URL('../../..', import.meta.url))

/** The folder of the programs that npm installs, including the pinned Node. */
export const BIN = join(ROOT, 'node_modules', '.bin')

/** The pinned Node; an older one may run the set-up. */
export const NODE = join(BIN, 'node')

/** The sources and the version of mediasoup that npm installed. */
export const MEDIASOUP = join(ROOT, 'node_modules', 'mediasoup')

/**
 * The folder for files that take long to make and suit every checkout.
 *
 * @param {NodeJS.ProcessEnv} env
 */
export function cacheFolder(env) {
  const base = setting(env, 'XDG_CACHE_HOME') ?? join(homedir(), '.cache')
  return join(base, 'dragonfork')
}

/**
 * The value of an environment variable; an empty one counts as unset.
 *
 * @param {NodeJS.ProcessEnv} env
 * @param {string} name
 */
export function setting(env, name) {
  const value = env[name]
  return value === '' ? undefined : value
}

/**
 * The path of a program on PATH, or undefined.
 *
 * @param {string} program
 * @param {NodeJS.ProcessEnv} env
 */
export function findProgram(program, env) {
  return (env['PATH'] ?? '')
    .split(delimiter)
    .map(folder => join(folder, program))
    .find(isExecutable)
}

/** @param {string} path */
function isExecutable(path) {
  try {
    accessSync(path, constants.X_OK)
    return true
  } catch {
    return false
  }
}
