import t, { type Test } from 'tap'
import { thisMachine } from '../../local/setup/machine.mjs'
import { TO_TEST } from '../../local/setup/packages.mjs'
import { fakeProgram } from '../../../shared/test/fixtures/fake-program.ts'

/** A machine with only those programs on PATH that the test puts there. */
function scene(t: Test) {
  const bin = t.testdir({})
  return {
    machine: thisMachine({ PATH: bin }),
    /** Puts a program on PATH. */
    put: (name: string, script: string) => fakeProgram(bin, name, script),
  }
}

t.test('has() accepts a program on PATH without its package', async t => {
  const { machine, put } = scene(t)
  await put('chromium', '')
  t.equal(await machine.has({ name: 'chromium', programs: ['chromium'] }), true)
  t.equal(await machine.has({ name: 'ffmpeg', programs: ['ffmpeg'] }), false)
})

t.test('has() needs both programs of the prometheus package', async t => {
  const { machine, put } = scene(t)
  const [prometheus] = TO_TEST.filter(({ name }) => name === 'prometheus')
  if (prometheus === undefined)
    throw new Error('prometheus is not among the packages')
  await put('promtool', '')
  t.equal(await machine.has(prometheus), false)
  await put('prometheus', '')
  t.equal(await machine.has(prometheus), true)
})

const LIBRARY = { name: 'libabsl-dev', libraries: ['absl_a', 'absl_b'] }

t.test('has() asks pkg-config for libraries if there is no dpkg', async t => {
  const { machine, put } = scene(t)
  t.equal(await machine.has(LIBRARY), false, 'neither of the two')
  await put('pkg-config', '[ "$*" = "--exists absl_a absl_b" ]')
  t.equal(await machine.has(LIBRARY), true)
  t.equal(await machine.has({ name: 'x', libraries: ['absl_c'] }), false)
})

t.test('has() asks dpkg for libraries if there is no pkg-config', async t => {
  const { machine, put } = scene(t)
  await put(
    'dpkg-query',
    'case "$*" in *libabsl-dev) printf installed;; *) exit 1;; esac',
  )
  t.equal(await machine.has(LIBRARY), true)
  t.equal(await machine.has({ name: 'x', libraries: ['absl_a'] }), false)
})

t.test(
  'has() rejects a package whose installation was interrupted',
  async t => {
    const ffmpeg = { name: 'ffmpeg', programs: ['ffmpeg'] }
    const states = {
      'half-installed': false,
      unpacked: false,
      'half-configured': false,
      'triggers-pending': true,
      'config-files': true,
      'not-installed': true,
      installed: true,
    }
    const { machine, put } = scene(t)
    await put('ffmpeg', '')
    for (const [state, expected] of Object.entries(states)) {
      await put('dpkg-query', `printf ${state}`)
      t.equal(await machine.has(ffmpeg), expected, state)
    }
  },
)
