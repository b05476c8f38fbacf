/** The log of a step: all that its programs print, in a file of the cache. */

import { closeSync, mkdirSync, openSync, rmSync, writeSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { cacheFolder } from './checkout.mjs'

/** A whole build prints a hundredth of this. */
const SIZE_LIMIT_BYTES = 16 * 1024 * 1024

/**
 * Where the log of a step is. Each run of the step replaces it.
 *
 * @param {string} name of the step, such as `npm-ci`
 * @param {NodeJS.ProcessEnv} env
 */
export function logPath(name, env) {
  return join(cacheFolder(env), 'logs', `${name}.log`)
}

/** An open log. Every line is in the file at once, whatever ends us. */
export class Log {
  #file
  #left

  /**
   * @param {string} path
   * @param {number} [limitBytes]
   */
  constructor(path, limitBytes = SIZE_LIMIT_BYTES) {
    this.path = path
    this.#left = limitBytes
    mkdirSync(dirname(path), { recursive: true })
    // A file of its own, should another set-up write there just now.
    rmSync(path, { force: true })
    this.#file = openSync(path, 'w')
  }

  /**
   * Writes a line, as long as the limit is not reached.
   *
   * @param {string} line
   */
  write(line) {
    if (this.#left <= 0) return
    const bytes = Buffer.from(`${line}\n`)
    this.#left -= bytes.length
    writeSync(this.#file, bytes)
    if (this.#left <= 0) writeSync(this.#file, '(The rest is left out.)\n')
  }

  close() {
    closeSync(this.#file)
  }
}
