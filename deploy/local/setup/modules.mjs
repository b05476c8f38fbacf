/** npm's packages: everything that package-lock.json pins, Node included. */

import { createHash } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { findProgram, ROOT } from './checkout.mjs'
import { SetupError } from './context.mjs'
import { keepText } from './keep.mjs'
import { step } from './step.mjs'

const STEP = {
  log: 'npm-ci',
  what: 'npm packages (npm ci)',
  usually: 'about 30 s',
  advice:
    'Check that the npm registry answers (npm ping) and the disk is not full, ' +
    'then run this again.',
}

/**
 * Installs what package-lock.json pins, unless it is installed.
 *
 * @param {import('./context.mjs').Context} context
 * @param {string} [root] the folder of package.json
 */
export async function installModules(context, root = ROOT) {
  const modules = join(root, 'node_modules')
  // `npm ci` removes it together with everything else in the folder.
  const stamp = join(modules, '.dragonfork-set-up')
  const wanted = await fingerprint(root)
  const found = await readFile(stamp, 'utf8').catch(() => undefined)
  if (found === wanted) return

  await step(STEP, context, async ({ run }) => {
    /**
     * @param {string} program
     * @param {string[]} args
     */
    const mustRun = async (program, ...args) => {
      const { code, tail } = await run(program, args, {
        cwd: root,
        // Keeps mediasoup's postinstall from making a worker. package.json
        // forbids it to run, but older versions of npm ignore that.
        env: { ...context.env, MEDIASOUP_WORKER_BIN: 'none' },
      })
      if (code === 0) return
      const command = [program, ...args].join(' ')
      throw new SetupError(`Cannot ${command}:\n${tail.join('\n')}`)
    }
    // npm's warnings are about the Node that runs it, not the pinned one.
    await mustRun('npm', 'ci', '--include=dev', '--loglevel=error')
    // tap's TypeScript plugin breaks with TypeScript 6. package.json excludes
    // it, which takes effect when tap is built again.
    const bin = join(modules, '.bin')
    await mustRun(join(bin, 'node'), join(bin, 'tap'), 'build')
    // After a power cut the stamp must not be there without the packages.
    if (findProgram('sync', context.env)) {
      await mustRun('sync', '--file-system', modules)
    }
    await keepText(stamp, wanted)
  })
}

/**
 * A hash of everything that determines what is installed.
 *
 * @param {string} root
 */
async function fingerprint(root) {
  /** @type {unknown} */
  const content = JSON.parse(await readFile(join(root, 'package.json'), 'utf8'))
  const { allowScripts, tap } =
    /** @type {{ allowScripts?: unknown, tap?: { plugin?: unknown } }} */ (
      content
    )
  return createHash('sha256')
    .update(await readFile(join(root, 'package-lock.json')))
    .update(JSON.stringify([allowScripts, tap?.plugin]))
    .digest('hex')
}
