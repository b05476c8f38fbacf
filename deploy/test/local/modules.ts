import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { installModules } from '../../local/setup/modules.mjs'
import { recordedContext } from './fixtures/context.ts'
import { fakeProgram } from '../../../shared/test/fixtures/fake-program.ts'

/** A checkout, and an npm that records its calls. */
async function scene(t: Test, script = '') {
  const root = t.testdir({
    'package.json': '{"tap": {"plugin": []}}',
    'package-lock.json': '{}',
    bin: {},
    elsewhere: {},
  })
  const calls = join(root, 'calls')
  const node = await fakeProgram(
    join(root, 'elsewhere'),
    'node',
    `echo "$(basename "$1") $2" >>${calls}`,
  )
  await fakeProgram(
    join(root, 'bin'),
    'npm',
    `echo "npm $* worker=$MEDIASOUP_WORKER_BIN" >>${calls}
    ${script}
    rm -rf node_modules; mkdir -p node_modules/.bin
    cp ${node} node_modules/.bin/node`,
  )
  const path = `${join(root, 'bin')}:${process.env['PATH'] ?? ''}`
  const install = async () => {
    const context = recordedContext({
      PATH: path,
      XDG_CACHE_HOME: join(root, 'cache'),
    })
    await installModules(context, root)
    return context.output()
  }
  return { root, install, calls: () => readFile(calls, 'utf8') }
}

const BOTH =
  'npm ci --include=dev --loglevel=error worker=none\n' + 'tap build\n'

t.test('installModules() installs the packages once', async t => {
  const { install, calls } = await scene(t)
  t.match(await install(), /npm packages \(npm ci\), about 30 s\n.*done in/)
  t.equal(await calls(), BOTH, "and tap's plugins are built")

  t.equal(await install(), '', 'a second time there is nothing to do')
  t.equal(await calls(), BOTH)
})

t.test(
  'installModules() installs again if the lock file has changed',
  async t => {
    const { root, install, calls } = await scene(t)
    await install()
    await writeFile(join(root, 'package-lock.json'), '{"changed": true}')
    await install()
    t.equal(await calls(), BOTH + BOTH)
  },
)

t.test(
  'the error of a failed npm quotes it, and the next run tries again',
  async t => {
    const { install, calls } = await scene(t, 'echo no network; exit 1')
    const failure = {
      name: 'SetupError',
      message:
        /^Cannot npm ci --include=dev --loglevel=error:\nno network\nCheck that .* The whole log is \S+\/logs\/npm-ci\.log$/,
    }
    await t.rejects(install(), failure)
    await t.rejects(install(), failure)
    t.match(await calls(), /(npm ci .*\n){2}/)
  },
)
