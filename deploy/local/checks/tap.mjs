/** Runs test files with tap: prints a line per file, and failures in full. */

import { join } from 'node:path'
import { BIN, NODE, ROOT } from '../setup/checkout.mjs'
import { run } from '../setup/command.mjs'

/**
 * @typedef {object} CheckContext
 * @property {NodeJS.ProcessEnv} env
 * @property {AbortSignal} signal
 * @property {(text: string) => void} say
 *
 * @typedef {object} Tally the number of assertions, or of whole checks
 * @property {number} passed
 * @property {number} failed
 * @property {number} skipped
 */

/**
 * @param {readonly string[]} args for `tap run`: options and files
 * @param {CheckContext} context
 * @returns {Promise<Tally>}
 */
export async function runTap(args, { env, signal, say }) {
  const reader = new TapReader(say)
  const tap = [join(BIN, 'tap'), 'run', '--reporter=tap', ...args]
  const { code } = await run(NODE, tap, {
    cwd: ROOT,
    env,
    signal,
    onLine: line => {
      reader.read(line)
    },
  })
  return reader.tally(code === 0)
}

/** @param {readonly Tally[]} tallies */
export function sum(tallies) {
  const all = { passed: 0, failed: 0, skipped: 0 }
  for (const { passed, failed, skipped } of tallies) {
    all.passed += passed
    all.failed += failed
    all.skipped += skipped
  }
  return all
}

/**
 * The last line of a run: `12 passed, 0 failed`, with `, 1 skipped` if any is.
 *
 * @param {Tally} tally
 */
export function closingLine({ passed, failed, skipped }) {
  const rest = skipped > 0 ? `, ${skipped} skipped` : ''
  return `${passed} passed, ${failed} failed${rest}`
}

/** A file's result, which is not indented. */
const RESULT = /^(not ok|ok) \d+ - (.*)$/
/** tap's last line. It counts assertions, and files that crash. */
const TOTALS = /^# \{ total: \d+(.*) \}$/
/** Lines not to print of a file that failed. */
const NOISE = /^\s*(?:ok \d+ - .*|1\.\.\d+.*|# time=.*)?$/
const SKIPPED = /^\s*ok \d+ - (.* # SKIP.*)$/

/** Reads the output of tap line by line. */
export class TapReader {
  #say
  /** @type {string[]} the lines of the current file */
  #lines = []
  /** Whether the last file failed: its diagnostics follow its result. */
  #failed = false
  #totals = ''

  /** @param {(text: string) => void} say */
  constructor(say) {
    this.#say = say
  }

  /** @param {string} line */
  read(line) {
    const [, result, file = ''] = RESULT.exec(line) ?? []
    if (result !== undefined) this.#readResult(result === 'ok', file)
    else if (this.#failed && line.startsWith('  ')) this.#say(line)
    else {
      this.#failed = false
      this.#lines.push(line)
      this.#totals = TOTALS.exec(line)?.[1] ?? this.#totals
    }
  }

  /**
   * @param {boolean} passed
   * @param {string} file
   */
  #readResult(passed, file) {
    this.#say(`${passed ? 'ok    ' : 'FAILED'}  ${file}`)
    for (const line of this.#lines) {
      const skipped = SKIPPED.exec(line)?.[1]
      if (skipped !== undefined) this.#say(`        ${skipped}`)
      else if (!passed && !NOISE.test(line)) this.#say(line)
    }
    this.#lines = []
    this.#failed = !passed
  }

  /**
   * @param {boolean} succeeded by tap's exit code
   * @returns {Tally}
   */
  tally(succeeded) {
    /** @param {string} what */
    const count = what =>
      Number(new RegExp(`${what}: (\\d+)`).exec(this.#totals)?.[1] ?? 0)
    return {
      passed: count('pass'),
      // An aborted run has failed, even if no assertion did.
      failed: Math.max(count('fail'), succeeded ? 0 : 1),
      skipped: count('skip') + count('todo'),
    }
  }
}
