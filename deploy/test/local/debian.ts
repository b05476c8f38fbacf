import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { installPackages } from '../../local/setup/debian.mjs'
import type { Machine } from '../../local/setup/machine.mjs'
import { recordedContext } from './fixtures/context.ts'
import { fakeProgram } from '../../../shared/test/fixtures/fake-program.ts'

const PACKAGES = [
  { name: 'ffmpeg', programs: ['ffmpeg'] },
  { name: 'libuv1-dev', libraries: ['libuv'], forWorker: true },
]

/** A Debian without the packages, and a user who may not install any. */
function machine(overrides: Partial<Machine> = {}): Machine {
  return {
    has: () => Promise.resolve(false),
    hasProgram: program => ['apt-get', 'sudo'].includes(program),
    isRoot: () => false,
    hasSudo: () => Promise.resolve(false),
    ...overrides,
  }
}

/** An apt-get that records its calls. */
async function fakeAptGet(t: Test, script: string) {
  const bin = t.testdir({})
  const calls = join(bin, 'calls')
  const installed = join(bin, 'installed')
  await fakeProgram(
    bin,
    'apt-get',
    `echo apt-get "$@" | sed 's/ -o [^ ]*//g' >>${calls}
    case " $* " in *" --simulate "*) simulate=yes;; esac
    ${script}
    if [ -z "$simulate" ]; then echo "$@" >>${installed}; fi`,
  )
  await fakeProgram(bin, 'dpkg', `echo dpkg "$@" >>${calls}`)
  await fakeProgram(bin, 'sudo', `echo sudo "$@" >>${calls}; shift; exec "$@"`)
  const env = {
    PATH: `${bin}:${process.env['PATH'] ?? ''}`,
    XDG_CACHE_HOME: join(bin, 'cache'),
  }
  const text = (path: string) => readFile(path, 'utf8').catch(() => '')
  /** A package is there once this apt-get has installed it. */
  const has: Machine['has'] = async ({ name }) =>
    (await text(installed)).includes(name)
  return {
    context: recordedContext(env),
    calls: () => text(calls),
    log: () => text(join(bin, 'cache', 'dragonfork', 'logs', 'apt-get.log')),
    root: machine({ has, isRoot: () => true }),
    sudoer: machine({ has, hasSudo: () => Promise.resolve(true) }),
  }
}

/** The message of the SetupError that an installation fails with. */
async function failure(installation: Promise<void>): Promise<string> {
  try {
    await installation
  } catch (error) {
    if (error instanceof Error && error.name === 'SetupError')
      return error.message
    throw error
  }
  throw new Error('The installation did not fail')
}

t.test(
  'installPackages() does not call apt-get if nothing is missing',
  async t => {
    const { context, calls } = await fakeAptGet(t, '')
    const all = machine({ has: () => Promise.resolve(true) })
    await installPackages(PACKAGES, context, all)
    t.equal(context.output(), '')
    t.equal(await calls(), '')
  },
)

t.test('root installs only what is missing', async t => {
  const { context, calls, root } = await fakeAptGet(t, '')
  const has: Machine['has'] = async entry =>
    entry.name === 'libuv1-dev' || (await root.has(entry))
  await installPackages(PACKAGES, context, { ...root, has })
  t.equal(
    await calls(),
    'apt-get -q update\n' +
      'apt-get -q install -y --no-install-recommends ffmpeg\n',
  )
  t.match(context.output(), 'Debian packages that are missing: ffmpeg\n')
})

t.test('a user with sudo without a password installs by sudo', async t => {
  const { context, calls, sudoer } = await fakeAptGet(t, '')
  await installPackages(PACKAGES, context, sudoer)
  t.match(
    await calls(),
    /sudo -n env DEBIAN_FRONTEND=noninteractive LC_ALL=C.UTF-8 apt-get/,
  )
})

t.test('any other user gets the exact command to type', async t => {
  const context = recordedContext({})
  t.equal(
    await failure(installPackages(PACKAGES, context, machine())),
    'Missing: ffmpeg libuv1-dev. Installing them takes root, and there is no ' +
      'sudo without a password. Run this command, then run this again:' +
      "\n\n  sudo sh -c 'apt-get update && apt-get install -y " +
      "--no-install-recommends ffmpeg libuv1-dev'" +
      '\n\nTo do without libuv1-dev, set MEDIASOUP_WORKER_BIN to the path of ' +
      'a mediasoup worker of the pinned version.',
  )
})

t.test(
  'without apt-get the error names the packages and the alternative',
  async t => {
    const other = machine({ hasProgram: () => false })
    const context = recordedContext({})
    t.equal(
      await failure(installPackages(PACKAGES, context, other)),
      "Missing: ffmpeg libuv1-dev (Debian's names), and there is no apt-get " +
        'to install them with. Install them, then run this again. To do without ' +
        'libuv1-dev, set MEDIASOUP_WORKER_BIN to the path of a mediasoup worker ' +
        'of the pinned version.',
    )
    const ffmpeg = PACKAGES.slice(0, 1)
    t.notMatch(
      await failure(installPackages(ffmpeg, context, other)),
      'MEDIASOUP_WORKER_BIN',
      'but not if no worker is to be built',
    )
  },
)

t.test('the error of a failed apt-get quotes it and names the log', async t => {
  const script = 'echo pmstatus:x:1:half; echo E: Broken; exit 100'
  const { context, root, log } = await fakeAptGet(t, script)
  t.match(
    await failure(installPackages(PACKAGES, context, root)),
    /^Cannot install ffmpeg libuv1-dev by apt-get:\nE: Broken\nInstall these packages .* The whole log is \S+\/logs\/apt-get\.log$/,
  )
  t.match(await log(), /^\$ env .* update\npmstatus:x:1:half\nE: Broken$/m)
})

t.test(
  'a package that cannot be installed is named, the others are installed',
  async t => {
    const script = `case "$*" in
      *update) ;;
      *libuv1-dev*) echo "Reading package lists..."
        echo "E: Unable to locate package libuv1-dev"; exit 100;;
    esac`
    const { context, calls, root } = await fakeAptGet(t, script)
    t.match(
      await failure(installPackages(PACKAGES, context, root)),
      /^Cannot install libuv1-dev by apt-get; the other packages are installed:\nE: Unable to locate package libuv1-dev\n/,
    )
    t.match(await calls(), /install -y --no-install-recommends ffmpeg\n$/)
  },
)

t.test('a failed update of the lists is no error', async t => {
  const script = 'case "$*" in *update) echo "E: no network"; exit 100;; esac'
  const { context, root, log } = await fakeAptGet(t, script)
  await installPackages(PACKAGES, context, root)
  t.match(await log(), 'E: no network')
})

t.test('an interrupted dpkg is repaired first', async t => {
  const script = `case "$*" in
    *ffmpeg*) if ! grep -q dpkg "$(dirname "$0")/calls" ||
        ! grep -q fix-broken "$(dirname "$0")/calls"; then
      echo "E: dpkg was interrupted, you must manually run 'dpkg --configure -a'"
      exit 100
    fi;;
  esac`
  const { context, calls, root } = await fakeAptGet(t, script)
  await installPackages(PACKAGES, context, root)
  t.match(
    await calls(),
    /dpkg --configure -a\napt-get .* --fix-broken --no-remove\napt-get .* ffmpeg libuv1-dev\n$/,
  )
})

t.test('update waits for another apt-get that holds the lock', async t => {
  const script = `case "$*" in
    *update) if [ "$(grep -c update "$(dirname "$0")/calls")" = 1 ]; then
      echo "E: Could not get lock /var/lib/apt/lists/lock"; exit 100
    fi;;
  esac`
  const { context, calls, root } = await fakeAptGet(t, script)
  await installPackages(PACKAGES, context, root)
  t.match(await calls(), /^apt-get -q update\napt-get -q update\n.* install/)
})

t.test('an installation after which a program is missing fails', async t => {
  const { context, root } = await fakeAptGet(t, '')
  const has = () => Promise.resolve(false)
  t.match(
    await failure(installPackages(PACKAGES, context, { ...root, has })),
    /^apt-get has installed everything, but these are still missing: the program ffmpeg \(ffmpeg\), the library libuv \(libuv1-dev\)\n/,
  )
})
