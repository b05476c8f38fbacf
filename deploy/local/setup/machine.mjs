/** The packages on this machine, and the rights of this user. */

import { findProgram } from './checkout.mjs'
import { run } from './command.mjs'

/**
 * The machine as the set-up sees it. Tests pass their own.
 *
 * @typedef {object} Machine
 * @property {(entry: import('./packages.mjs').Package) => Promise<boolean>} has
 * @property {(program: string) => boolean} hasProgram
 * @property {() => boolean} isRoot
 * @property {() => Promise<boolean>} hasSudo without a password
 */

/** dpkg's states of a package that is unpacked and configured. */
const COMPLETE = ['installed', 'triggers-awaited', 'triggers-pending']
/** dpkg's states of an absent package, which may be installed another way. */
const ABSENT = ['not-installed', 'config-files', '']

/**
 * @param {NodeJS.ProcessEnv} env
 * @returns {Machine}
 */
export function thisMachine(env) {
  /** @param {string} program */
  const hasProgram = program => findProgram(program, env) !== undefined

  /** @param {string} name */
  const dpkgState = async name => {
    if (!hasProgram('dpkg-query')) return ''
    const format = '${db:Status-Status}'
    const query = ['--show', '--showformat', format, name]
    const { code, tail } = await run('dpkg-query', query, { env })
    return code === 0 ? (tail.at(-1) ?? '') : ''
  }

  return {
    hasProgram,
    async has({ name, programs = [], libraries = [] }) {
      if (!programs.every(hasProgram)) return false
      const state = await dpkgState(name)
      // An interrupted installation may have brought the program without the
      // libraries it needs.
      if (!COMPLETE.includes(state) && !ABSENT.includes(state)) return false
      if (libraries.length === 0) return true
      if (!hasProgram('pkg-config')) return COMPLETE.includes(state)
      const query = ['--exists', ...libraries]
      return (await run('pkg-config', query, { env })).code === 0
    },
    isRoot: () => process.getuid?.() === 0,
    async hasSudo() {
      if (!hasProgram('sudo')) return false
      return (await run('sudo', ['-n', 'true'], { env })).code === 0
    },
  }
}
