/** Installs the Debian packages that are missing, or explains how to. */

import { Apt } from './apt.mjs'
import { SetupError } from './context.mjs'
import { thisMachine } from './machine.mjs'
import { step } from './step.mjs'

/**
 * @typedef {import('./packages.mjs').Package} Package
 * @typedef {import('./machine.mjs').Machine} Machine
 */

/**
 * Installs those of the packages that are missing.
 *
 * @param {readonly Package[]} packages
 * @param {import('./context.mjs').Context} context
 * @param {Machine} [machine]
 * @throws {SetupError} with the command to type, if it takes a password
 */
export async function installPackages(
  packages,
  context,
  machine = thisMachine(context.env),
) {
  const missing = await missingOf(packages, machine)
  if (missing.length === 0) return

  const names = missing.map(({ name }) => name)
  if (!machine.hasProgram('apt-get')) {
    throw new SetupError(
      `Missing: ${names.join(' ')} (Debian's names), and there is no apt-get ` +
        'to install them with. ' +
        ['Install them, then run this again.', ...ownWorker(missing)].join(' '),
    )
  }
  const root = machine.isRoot() ? [] : await sudo(missing, machine)
  context.report.say(`Debian packages that are missing: ${names.join(' ')}`)
  const plan = {
    log: 'apt-get',
    what: 'Debian packages (apt-get install)',
    usually: '1 to 3 minutes',
    advice: [
      'Install these packages another way, then run this again.',
      ...ownWorker(missing),
    ].join(' '),
  }
  await step(plan, context, async given => {
    const apt = new Apt(given, root, context.signal)
    await apt.update()
    await installAll(names, apt)
    const still = await missingOf(missing, machine)
    if (still.length === 0) return
    throw new SetupError(
      'apt-get has installed everything, but these are still missing: ' +
        still.flatMap(contentOf).join(', '),
    )
  })
}

/**
 * Installs the packages, also if some of them cannot be installed.
 *
 * @param {readonly string[]} names
 * @param {Apt} apt
 * @throws {SetupError} that names those that cannot
 */
async function installAll(names, apt) {
  const failure = await apt.install(names)
  if (failure === undefined) return
  /** @type {Map<string, string>} reasons by name */
  const refused = new Map()
  for (const name of names) {
    const why = await apt.refusal(name)
    if (why !== undefined) refused.set(name, why)
  }
  if (refused.size === 0 || refused.size === names.length) {
    throw new SetupError(
      `Cannot install ${names.join(' ')} by apt-get:\n${failure}`,
    )
  }
  const alsoFailed = await apt.install(names.filter(name => !refused.has(name)))
  const rest = alsoFailed === undefined ? 'are' : 'could not be'
  const reasons = [...refused.values(), ...(alsoFailed ? [alsoFailed] : [])]
  throw new SetupError(
    `Cannot install ${[...refused.keys()].join(' ')} by apt-get; the other ` +
      `packages ${rest} installed:\n${reasons.join('\n')}`,
  )
}

/**
 * The command prefix that makes us root.
 *
 * @param {readonly Package[]} missing
 * @param {Machine} machine
 * @throws {SetupError} with the command to type, if there is none
 */
async function sudo(missing, machine) {
  if (await machine.hasSudo()) return ['sudo', '-n']
  const names = missing.map(({ name }) => name).join(' ')
  const command =
    'apt-get update && apt-get install -y --no-install-recommends ' + names
  const shell = machine.hasProgram('sudo') ? 'sudo sh' : 'su'
  throw new SetupError(
    `Missing: ${names}. Installing them takes root, and there is no sudo ` +
      'without a password. Run this command, then run this again:\n\n' +
      [`  ${shell} -c '${command}'`, ...ownWorker(missing)].join('\n\n'),
  )
}

/**
 * @param {readonly Package[]} packages
 * @param {Machine} machine
 */
async function missingOf(packages, machine) {
  /** @type {Package[]} */
  const missing = []
  for (const entry of packages) {
    if (!(await machine.has(entry))) missing.push(entry)
  }
  return missing
}

/** @param {Package} entry */
function contentOf({ name, programs = [], libraries = [] }) {
  return [
    ...programs.map(program => `the program ${program} (${name})`),
    ...libraries.map(library => `the library ${library} (${name})`),
  ]
}

/**
 * The alternative to packages that only building the worker needs: a sentence,
 * or none.
 *
 * @param {readonly Package[]} missing
 */
function ownWorker(missing) {
  const names = missing.filter(({ forWorker }) => forWorker)
  if (names.length === 0) return []
  return [
    `To do without ${names.map(({ name }) => name).join(' ')}, set ` +
      'MEDIASOUP_WORKER_BIN to the path of a mediasoup worker of the pinned ' +
      'version.',
  ]
}
