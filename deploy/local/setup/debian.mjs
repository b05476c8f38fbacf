/** Gets the Debian packages that are missing, or says how to. */

import { Apt } from './apt.mjs'
import { thisMachine } from './machine.mjs'
import { SetupError } from './setup-error.mjs'
import { step } from './step.mjs'

/**
 * @typedef {import('./packages.mjs').Package} Package
 * @typedef {import('./machine.mjs').Machine} Machine
 */

const AGAIN = 'then run this again'

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
  context,
  machine = thisMachine(context.env),
) {
  const missing = await missingOf(packages, machine)
  if (missing.length === 0) return

  const names = namesOf(missing)
  if (!machine.hasProgram('apt-get')) {
    throw new SetupError(
      `Missing: ${names.join(' ')} (by Debian's names), and there is no ` +
        'apt-get to install them with. ' +
        [`Install them, ${AGAIN}.`, ...ownWorker(missing)].join(' '),
    )
  }
  const root = machine.isRoot() ? [] : await sudo(missing, machine)
  context.report.say(`Debian packages that are missing: ${names.join(' ')}`)
  const plan = {
    log: 'apt-get',
    what: 'Debian packages (apt-get install)',
    usually: '1 to 3 minutes',
    advice: [
      `Install what is named here another way, ${AGAIN}.`,
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
      'apt-get has installed all, but this is not to be found: ' +
        still.flatMap(whatShows).join(', '),
    )
  })
}

/**
 * Installs the packages. Where one cannot be had, the others are installed all
 * the same, and the error names that one.
 *
 * @param {readonly string[]} names
 * @param {Apt} apt
 */
async function installAll(names, apt) {
  const failure = await apt.install(names)
  if (failure === undefined) return
  /** @type {{ name: string, why: string }[]} */
  const refused = []
  for (const name of names) {
    const why = await apt.refusal(name)
    if (why !== undefined) refused.push({ name, why })
  }
  if (refused.length === 0 || refused.length === names.length) {
    throw new SetupError(
      `Cannot install ${names.join(' ')} by apt-get:\n${failure}`,
    )
  }
  const bad = refused.map(({ name }) => name)
  const others = names.filter(name => !bad.includes(name))
  const alsoFailed = await apt.install(others)
  const reasons = refused.map(({ why }) => why)
  if (alsoFailed !== undefined) reasons.push(alsoFailed)
  const rest = alsoFailed === undefined ? 'are' : 'could not be'
  throw new SetupError(
    `Cannot install ${bad.join(' ')} by apt-get; the other packages ${rest} ` +
      `installed:\n${reasons.join('\n')}`,
  )
}

/**
 * The words that make us root, or the error that leaves it to the user.
 *
 * @param {readonly Package[]} missing
 * @param {Machine} machine
 */
async function sudo(missing, machine) {
  if (await machine.hasSudo()) return ['sudo', '-n']
  const names = namesOf(missing).join(' ')
  const command =
    'apt-get update && apt-get install -y --no-install-recommends ' + names
  const shell = machine.hasProgram('sudo') ? 'sudo sh' : 'su'
  throw new SetupError(
    `Missing: ${names}. Installing them takes root, and there is no sudo ` +
      `without a password. Run this command, ${AGAIN}:\n\n` +
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

/** @param {readonly Package[]} packages */
function namesOf(packages) {
  return packages.map(({ name }) => name)
}

/** @param {Package} entry */
function whatShows({ name, programs = [], libraries = [] }) {
  return [
    ...programs.map(program => `the program ${program} (${name})`),
    ...libraries.map(library => `the library ${library} (${name})`),
  ]
}

/**
 * The other way out, where packages are only missing to build the worker: a
 * sentence, or none.
 *
 * @param {readonly Package[]} missing
 */
function ownWorker(missing) {
  const names = namesOf(missing.filter(({ forWorker }) => forWorker))
  if (names.length === 0) return []
  return [
    `To do without ${names.join(' ')}, set MEDIASOUP_WORKER_BIN to the path ` +
      'of a mediasoup worker of the pinned version.',
  ]
}
