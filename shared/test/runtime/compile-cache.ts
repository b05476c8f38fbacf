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
      timeout: 60_000,
      killSignal: 'SIGKILL',
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
    // They stop root as well. In /proc, mkdir fails although /proc exists.
    const file = join(t.testdir({ file: '' }), 'file')
    for (const cache of [file, '/proc', '/proc/self/none', '/dev/null/none']) {
      const { stdout, stderr } = await help({ XDG_CACHE_HOME: cache })
      t.match(stdout, /^Usage: /, cache)
      t.equal(stderr, '')
    }
  })

  t.test(`${script} creates missing parents of the cache folder`, async t => {
    const cache = join(t.testdir(), 'not', 'yet')
    await help({ XDG_CACHE_HOME: cache })
    const kept = await readdir(join(cache, 'dragonfork', 'compiled'))
    t.ok(kept.length > 0)
  })
}
