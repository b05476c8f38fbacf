/** npm's packages: everything that package-lock.json pins, Node included. */

import { createHash } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { findProgram, ROOT } from './checkout.mjs'
import { keepText } from './keep.mjs'
import { readJson } from './read-json.mjs'
import { SetupError } from './setup-error.mjs'
import { step } from './step.mjs'

const STEP = {
  log: 'npm-ci',
  what: 'npm packages (npm ci)',
  usually: 'about 30 s',
  advice:
    'See whether the npm registry answers (npm ping) and the disk has room, ' +
    'then run this again.',
}

/**
 * Installs what package-lock.json pins, unless that was done before.
 *
 * @param {import('./context.mjs').Context} context
 * @param {string} [root] the folder of package.json
 */
export async function installModules(context, root = ROOT) {
  const modules = join(root, 'node_modules')
  // npm ci removes it together with everything else in the folder.
  const stamp = join(modules, '.dragonfork-set-up')
  const wanted = await fingerprint(root)
  if ((await readIfThere(stamp)) === wanted) return

  await step(STEP, context, async ({ run }) => {
    /**
     * @param {string} program
     * @param {string[]} args
     */
    const mustRun = async (program, ...args) => {
      const { code, tail } = await run(program, args, {
        cwd: root,
        // Where this is set, mediasoup's postinstall leaves the worker to us.
        // package.json forbids it as well, which older npm does not know of.
        env: { ...context.env, MEDIASOUP_WORKER_BIN: 'none' },
      })
      if (code === 0) return
      const command = [program, ...args].join(' ')
      throw new SetupError(`Cannot ${command}:\n${tail.join('\n')}`)
    }
    // Its warnings are about the Node that runs npm, not the pinned one.
    await mustRun('npm', 'ci', '--include=dev', '--loglevel=error')
    // tap comes with a plugin built in that breaks with TypeScript 6 and that
    // package.json leaves out; it takes that from there only when built anew.
    const bin = join(modules, '.bin')
    await mustRun(join(bin, 'node'), join(bin, 'tap'), 'build')
    // The stamp must not outlive a power cut that the packages do not.
    if (findProgram('sync', context.env)) {
      await mustRun('sync', '--file-system', modules)
    }
    await keepText(stamp, wanted)
  })
}

/**
 * What the installed packages follow from, as a hash.
 *
 * @param {string} root
 */
async function fingerprint(root) {
  const { allowScripts, tap } =
    /** @type {{ allowScripts?: unknown, tap?: { plugin?: unknown } }} */ (
      await readJson(join(root, 'package.json'))
    )
  return createHash('sha256')
    .update(await readFile(join(root, 'package-lock.json')))
    .update(JSON.stringify([allowScripts, tap?.plugin]))
    .digest('hex')
}

/** @param {string} path */
async function readIfThere(path) {
  try {
    return await readFile(path, 'utf8')
  } catch {
    return undefined
  }
}
