import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import {
  installPackages,
  thisMachine,
  type Machine,
} from '../../local/setup/debian.mjs'
import { recordedContext } from './fixtures/context.ts'
import { fakeProgram } from './fixtures/fake-program.ts'

const WANTED = [{ name: 'ffmpeg', program: 'ffmpeg' }, { name: 'libuv1-dev' }]

/** A Debian that has none of the packages, for a user who may not add any. */
function machine(overrides: Partial<Machine> = {}): Machine {
  return {
    has: () => Promise.resolve(false),
    hasProgram: program => ['apt-get', 'sudo'].includes(program),
    isRoot: () => false,
    hasSudo: () => Promise.resolve(false),
    ...overrides,
  }
}

/** An apt-get that writes down how it was called. */
async function fakeAptGet(t: Test, script: string) {
  const bin = t.testdir({})
  const calls = join(bin, 'calls')
  await fakeProgram(bin, 'apt-get', `echo "$@" >>${calls}\n${script}`)
  await fakeProgram(bin, 'sudo', `echo sudo "$@" >>${calls}; shift; exec "$@"`)
  const env = { PATH: `${bin}:${process.env['PATH'] ?? ''}` }
  return { env, calls: () => readFile(calls, 'utf8') }
}

t.test('where all is there, apt-get is not called', async t => {
  const { env, calls } = await fakeAptGet(t, '')
  const context = recordedContext(env)
  const all = machine({ has: () => Promise.resolve(true) })
  await installPackages(WANTED, context, all)
  t.equal(context.said(), '')
  await t.rejects(calls(), { code: 'ENOENT' })
})

t.test('root installs what is missing, and only that', async t => {
  const { env, calls } = await fakeAptGet(t, '')
  const context = recordedContext(env)
  const root = machine({
    has: ({ name }) => Promise.resolve(name === 'libuv1-dev'),
    isRoot: () => true,
  })
  await installPackages(WANTED, context, root)
  t.match(
    await calls(),
    / update\n.* install -y --no-install-recommends ffmpeg\n$/,
  )
  t.notMatch(await calls(), 'sudo')
  t.match(context.said(), 'Debian packages that are missing: ffmpeg\n')
})

t.test('sudo that asks no password is used', async t => {
  const { env, calls } = await fakeAptGet(t, '')
  const sudoer = machine({ hasSudo: () => Promise.resolve(true) })
  await installPackages(WANTED, recordedContext(env), sudoer)
  t.match(await calls(), /sudo -n env DEBIAN_FRONTEND=noninteractive apt-get/)
})

t.test('anybody else is told the exact command', async t => {
  await t.rejects(installPackages(WANTED, recordedContext({}), machine()), {
    name: 'SetupError',
    message:
      'Missing: ffmpeg libuv1-dev. Installing them takes root, and there is ' +
      'no sudo without a password. Run this command, then run this again:' +
      "\n\n  sudo sh -c 'apt-get update && apt-get install -y " +
      "--no-install-recommends ffmpeg libuv1-dev'",
  })
})

t.test('without apt-get the names are told', async t => {
  const other = machine({ hasProgram: () => false })
  await t.rejects(installPackages(WANTED, recordedContext({}), other), {
    message: /Missing: ffmpeg libuv1-dev .* there is no apt-get/,
  })
})

t.test('an apt-get that fails is quoted, without its progress', async t => {
  const script = 'echo pmstatus:x:1:half; echo E: Unable to locate; exit 100'
  const { env } = await fakeAptGet(t, script)
  const root = machine({ isRoot: () => true })
  await t.rejects(installPackages(WANTED, recordedContext(env), root), {
    message:
      'Cannot install ffmpeg libuv1-dev by apt-get:\nE: Unable to locate',
  })
})

t.test('a program on PATH counts as its package', async t => {
  const bin = t.testdir({})
  await fakeProgram(bin, 'promtool', '')
  const { has } = thisMachine({ PATH: bin })
  t.equal(await has({ name: 'prometheus', program: 'promtool' }), true)
  t.equal(await has({ name: 'chromium', program: 'chromium' }), false)
  t.equal(await has({ name: 'libuv1-dev' }), false, 'no dpkg, no package')
})
