/** Debian's packages: which are missing, and how to get them. */

import { findProgram } from './checkout.mjs'
import { run } from './command.mjs'
import { SetupError } from './setup-error.mjs'

/**
 * What this project takes from Debian: the name of the package, and a program
 * that shows it to be there however it was installed.
 *
 * @typedef {object} Package
 * @property {string} name
 * @property {string} [program] if absent, dpkg is asked
 */

/** @satisfies {Package[]} */
export const TO_RUN = [{ name: 'ffmpeg', program: 'ffmpeg' }]

/** @satisfies {Package[]} */
export const TO_TEST = [
  ...TO_RUN,
  { name: 'chromium', program: 'chromium' },
  { name: 'docker-compose', program: 'docker-compose' },
  { name: 'firefox-esr', program: 'firefox-esr' },
  { name: 'prometheus', program: 'promtool' },
]

/** @satisfies {Package[]} */
export const TO_BUILD_WORKER = [
  { name: 'meson', program: 'meson' },
  { name: 'ninja-build', program: 'ninja' },
  { name: 'pkg-config', program: 'pkg-config' },
  { name: 'g++', program: 'g++' },
  { name: 'flatbuffers-compiler', program: 'flatc' },
  { name: 'libabsl-dev' },
  { name: 'libflatbuffers-dev' },
  { name: 'libsrtp2-dev' },
  { name: 'libssl-dev' },
  { name: 'libuv1-dev' },
]

/**
 * The machine as this module sees it; tests bring their own.
 *
 * @typedef {object} Machine
 * @property {(entry: Package) => Promise<boolean>} has
 * @property {(program: string) => boolean} hasProgram
 * @property {() => boolean} isRoot
 * @property {() => Promise<boolean>} hasSudo without being asked a password
 */

/**
 * @param {NodeJS.ProcessEnv} env
 * @returns {Machine}
 */
export function thisMachine(env) {
  /** @param {string} program */
  const hasProgram = program => findProgram(program, env) !== undefined
  return {
    hasProgram,
    async has({ name, program }) {
      if (program !== undefined) return hasProgram(program)
      if (!hasProgram('dpkg-query')) return false
      const format = '${db:Status-Status}'
      const query = ['--show', '--showformat', format, name]
      const { code, tail } = await run('dpkg-query', query, { env })
      return code === 0 && tail.includes('installed')
    },
    isRoot: () => process.getuid?.() === 0,
    async hasSudo() {
      if (!hasProgram('sudo')) return false
      const { code } = await run('sudo', ['-n', 'true'], { env })
      return code === 0
    },
  }
}

/**
 * Installs those of the packages that are missing. Where that needs a password
 * it fails with the command to type.
 *
 * @param {readonly Package[]} packages
 * @param {import('./context.mjs').Context} context
 * @param {Machine} [machine]
 */
export async function installPackages(
  packages,
  { env, report, signal },
  machine = thisMachine(env),
) {
  /** @type {string[]} */
  const missing = []
  for (const entry of packages) {
    if (!(await machine.has(entry))) missing.push(entry.name)
  }
  if (missing.length === 0) return

  const names = missing.join(' ')
  if (!machine.hasProgram('apt-get')) {
    throw new SetupError(
      `Missing: ${names} (by Debian's names), and there is no apt-get to ` +
        'install them with. Install them, then run this again',
    )
  }
  const root = machine.isRoot() ? [] : await sudo(machine, names)

  /**
   * @param {string[]} args
   * @param {(text: string) => void} progress
   */
  const aptGet = async (args, progress) => {
    const [program = '', ...rest] = [
      ...root,
      ...['env', 'DEBIAN_FRONTEND=noninteractive', 'apt-get'],
      ...['-q', '-o', 'DPkg::Lock::Timeout=120', '-o', 'APT::Status-Fd=1'],
      ...args,
    ]
    const { code, tail } = await run(program, rest, {
      env,
      signal,
      onLine: line => {
        const [, percent, what] = STATUS.exec(line) ?? []
        if (what) progress(`${Math.round(Number(percent))} %  ${what}`)
      },
    })
    if (code === 0) return
    const output = tail.filter(line => !STATUS.test(line)).join('\n')
    throw new SetupError(`Cannot install ${names} by apt-get:\n${output}`)
  }
  report.say(`Debian packages that are missing: ${names}`)
  await report.step(
    'Debian packages (apt-get install)',
    '1 to 3 minutes',
    async progress => {
      await aptGet(['update'], progress)
      await aptGet(
        ['install', '-y', '--no-install-recommends', ...missing],
        progress,
      )
    },
  )
}

/** A line of apt-get's Status-Fd: kind, package or number, percent, text. */
const STATUS = /^(?:dl|pm)status:[^:]*:([\d.]+):(.*)$/

/**
 * The words that make us root, or the error that leaves it to the user.
 *
 * @param {Machine} machine
 * @param {string} names
 */
async function sudo(machine, names) {
  if (await machine.hasSudo()) return ['sudo', '-n']
  const command =
    'apt-get update && apt-get install -y --no-install-recommends ' + names
  throw new SetupError(
    `Missing: ${names}. Installing them takes root, and there is no sudo ` +
      'without a password. Run this command, then run this again:\n\n  ' +
      (machine.hasProgram('sudo')
        ? `sudo sh -c '${command}'`
        : `su -c '${command}'`),
  )
}
