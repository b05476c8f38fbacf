import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import t, { type Test } from 'tap'
import { closingLine, sum, TapReader } from '../../local/checks/tap.mjs'
import { fakeProgram } from '../../../shared/test/fixtures/fake-program.ts'

const CI = fileURLToPath(new URL('../../../.ci/run', import.meta.url))

/** tap's output of a file with a skipped test, one that fails and one that passes. */
const TAP = `TAP version 14
1..3
# Subtest: media/test/good.ts
    # Subtest: plays
        ok 1 - should be equal
        1..1
    ok 1 - plays # time=5.1ms
    ok 2 - in Firefox # SKIP no firefox-esr
    1..2
ok 1 - media/test/good.ts # time=16.8ms

# Subtest: media/test/bad.ts
    # Subtest: counts
        not ok 1 - one more
          ---
          diff: |
            -2
            +1
          ...
        1..1
    not ok 1 - counts # time=2ms
    1..1
not ok 2 - media/test/bad.ts # time=3ms
  ---
  exitCode: 1
  ...

# Subtest: media/test/last.ts
    ok 1 - should be equal
    1..1
ok 3 - media/test/last.ts # time=1ms

# { total: 4, pass: 2, fail: 1, skip: 1 }
# time=40ms`

function read(tap: string) {
  const printed: string[] = []
  const reader = new TapReader(text => printed.push(text))
  for (const line of tap.split('\n')) reader.read(line)
  return { reader, printed }
}

t.test('TapReader prints a line per file, and failures in full', t => {
  const { printed } = read(TAP)
  t.same(printed, [
    'ok      media/test/good.ts # time=16.8ms',
    '        in Firefox # SKIP no firefox-esr',
    'FAILED  media/test/bad.ts # time=3ms',
    '# Subtest: media/test/bad.ts',
    '    # Subtest: counts',
    '        not ok 1 - one more',
    '          ---',
    '          diff: |',
    '            -2',
    '            +1',
    '          ...',
    '    not ok 1 - counts # time=2ms',
    '  ---',
    '  exitCode: 1',
    '  ...',
    'ok      media/test/last.ts # time=1ms',
  ])
  t.end()
})

t.test("TapReader counts what tap's last line counts", t => {
  const { reader } = read(TAP)
  t.same(reader.tally(false), { passed: 2, failed: 1, skipped: 1 })
  t.end()
})

t.test('TapReader counts a run that breaks off as failed', t => {
  const { reader } = read('TAP version 14\nok 1 - media/test/good.ts')
  t.same(reader.tally(false), { passed: 0, failed: 1, skipped: 0 })
  t.end()
})

t.test('closingLine() sums up all checks', t => {
  const tallies = [
    { passed: 1, failed: 0, skipped: 0 },
    { passed: 40, failed: 2, skipped: 0 },
  ]
  t.equal(closingLine(sum(tallies)), '41 passed, 2 failed')
  const skipped = { passed: 1, failed: 0, skipped: 3 }
  t.equal(closingLine(skipped), '1 passed, 0 failed, 3 skipped')
  t.end()
})

/** Runs .ci/run with `script` as npm; returns its exit code and last line. */
async function runCi(t: Test, script: string) {
  const bin = t.testdir({})
  await fakeProgram(bin, 'npm', script)
  const PATH = `${bin}:${process.env['PATH'] ?? ''}`
  return new Promise<{ code: unknown; last: string | undefined }>(resolve => {
    execFile(CI, { env: { PATH, TMPDIR: bin } }, (error, stdout) => {
      const last = stdout.trimEnd().split('\n').at(-1)
      resolve({ code: error === null ? 0 : error.code, last })
    })
  })
}

t.test('.ci/run adds up the counts of both commands', async t => {
  const script = `case "$*" in
    test) echo 40 passed, 0 failed, 1 skipped;;
    "run soak") echo 2 passed, 0 failed;;
  esac`
  t.same(await runCi(t, script), {
    code: 0,
    last: '42 passed, 0 failed, 1 skipped',
  })
})

t.test('.ci/run fails if either command fails', async t => {
  const script = `case "$*" in
    test) echo 40 passed, 0 failed;;
    "run soak") echo 2 passed, 1 failed; exit 1;;
  esac`
  t.same(await runCi(t, script), { code: 1, last: '42 passed, 1 failed' })
})

t.test('.ci/run counts a command that breaks off as failed', async t => {
  t.same(await runCi(t, 'echo no network; exit 1'), {
    code: 1,
    last: '0 passed, 2 failed',
  })
})
