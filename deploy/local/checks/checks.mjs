/** The checks of this repository, and how a command runs them. */

import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { BIN, NODE, ROOT } from '../setup/checkout.mjs'
import { run } from '../setup/command.mjs'
import { program } from '../setup/program.mjs'
import { closingLine, sum } from './tap.mjs'

/**
 * @typedef {import('./tap.mjs').CheckContext} CheckContext
 * @typedef {import('./tap.mjs').Tally} Tally
 *
 * @typedef {(context: CheckContext) => Promise<Tally>} Check
 */

/** The folders that hold tests and benchmarks. */
const PARTS = ['shared', 'media', 'exporter', 'deploy']

/**
 * Sets up, runs all checks one after the other even if some fail, and prints
 * the counts as the last line.
 *
 * @param {readonly Check[]} checks
 */
export async function runChecks(checks) {
  /** @param {string} text */
  const say = text => process.stdout.write(`${text}\n`)
  await program('test', async (env, signal) => {
    const tallies = []
    for (const check of checks) tallies.push(await check({ env, signal, say }))
    const all = sum(tallies)
    say(closingLine(all))
    return all.failed > 0 ? 1 : 0
  })
}

/**
 * A check by one of npm's programs. It counts as one.
 *
 * @param {string} what
 * @param {string} tool
 * @param {string[]} args
 * @returns {Check}
 */
export function toolCheck(what, tool, ...args) {
  return async ({ env, signal, say }) => {
    /** @type {string[]} */
    const lines = []
    const { code } = await run(NODE, [join(BIN, tool), ...args], {
      cwd: ROOT,
      env,
      signal,
      onLine: line => lines.push(line),
    })
    const passed = code === 0
    say(`${passed ? 'ok    ' : 'FAILED'}  ${what}`)
    if (!passed) say(lines.join('\n'))
    return { passed: passed ? 1 : 0, failed: passed ? 0 : 1, skipped: 0 }
  }
}

/**
 * The `.ts` files directly in a folder of each part, as paths from the root.
 *
 * @param {string} folder such as `test/soak`
 */
export function filesOf(folder) {
  return PARTS.flatMap(part => {
    const path = join(part, folder)
    return list(join(ROOT, path))
      .filter(name => name.endsWith('.ts'))
      .map(name => join(path, name))
  })
}

/** @param {string} folder */
function list(folder) {
  try {
    return readdirSync(folder).sort()
  } catch {
    // Not every part has one.
    return []
  }
}
