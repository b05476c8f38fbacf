import { execFile } from 'node:child_process'
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import t from 'tap'

const ROOT = join(import.meta.dirname, '..', '..', '..')
const run = promisify(execFile)

for (const script of ['media/main.ts', 'exporter/main.ts']) {
  const help = (env: Readonly<Record<string, string>>) =>
    run(process.execPath, [script, '--help'], {
      cwd: ROOT,
      env: { PATH: process.env['PATH'], ...env },
    })

  t.test(`${script} keeps compiled code in the cache folder`, async t => {
    const cache = t.testdir()
    const { stdout } = await help({ XDG_CACHE_HOME: cache })
    t.match(stdout, /^Usage: /)
    const kept = join(cache, 'dragonfork', 'compiled')
    const first = await readdir(kept, { recursive: true })
    t.ok(first.length > 50, `${first.length} entries`)
    const again = await help({ XDG_CACHE_HOME: cache })
    t.equal(again.stdout, stdout, 'the cached program does the same')
    t.same(
      (await readdir(kept, { recursive: true })).toSorted(),
      first.toSorted(),
      'a second start adds nothing',
    )
  })

  t.test(`${script} starts if it cannot create the cache folder`, async t => {
    // A file in its place stops root as well.
    const file = join(t.testdir({ file: '' }), 'file')
    const { stdout, stderr } = await help({ XDG_CACHE_HOME: file })
    t.match(stdout, /^Usage: /)
    t.equal(stderr, '')
  })
}
