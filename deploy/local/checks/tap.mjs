/** Runs test files with tap: a line a file, and what failed in full. */

import { join } from 'node:path'
import { BIN, NODE, ROOT } from '../setup/checkout.mjs'
import { run } from '../setup/command.mjs'

/**
 * @param {readonly string[]} args for `tap run`: options and files
 * @param {import('./checks.mjs').CheckContext} context
 * @returns {Promise<import('./tally.mjs').Tally>}
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

/** A file's result, at the left margin. */
const RESULT = /^(not ok|ok) \d+ - (.*)$/
/** tap's last word. It counts what each file asserts, and files that crash. */
const TOTALS = /^# \{ total: \d+(.*) \}$/
/** What is of no interest in a file that failed. */
const NOISE = /^\s*(?:ok \d+ - .*|1\.\.\d+.*|# time=.*)?$/
const SKIPPED = /^\s*ok \d+ - (.* # SKIP.*)$/

/** Reads what tap prints of a run, line by line. */
export class TapReader {
  #say
  /** @type {string[]} the lines of the file that is being read */
  #lines = []
  /** Whether the last file failed; its diagnostics follow its result. */
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
   * @returns {import('./tally.mjs').Tally}
   */
  tally(succeeded) {
    /** @param {string} what */
    const count = what =>
      Number(new RegExp(`${what}: (\\d+)`).exec(this.#totals)?.[1] ?? 0)
    return {
      passed: count('pass'),
      // A run that broke has failed, whatever it counted until then.
      failed: Math.max(count('fail'), succeeded ? 0 : 1),
      skipped: count('skip') + count('todo'),
    }
  }
}
