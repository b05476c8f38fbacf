import { chmod, mkdir, readFile, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import { BUNDLE, copyBundle } from './fixtures/bundle.ts'
import { run } from '../../../shared/test/fixtures/program.ts'

const SECRETS = ['api-token', 'ingest-token', 'grafana-admin-password']

t.test('make-env writes .env and three different secrets', async t => {
  const dir = t.testdir()
  await copyBundle(dir)
  const { code, output } = await run(join(dir, 'make-env'), [])
  t.equal(code, 0, output)
  t.equal(
    await readFile(join(dir, '.env'), 'utf8'),
    await readFile(BUNDLE + '.env.example', 'utf8'),
  )
  const secrets = await Promise.all(
    SECRETS.map(name => readFile(join(dir, 'secrets', name), 'utf8')),
  )
  for (const secret of secrets) t.match(secret, /^[A-Za-z0-9_-]{32}\n$/)
  t.equal(new Set(secrets).size, SECRETS.length)
  for (const secret of secrets) t.notMatch(output, secret.trim())
})

t.test(
  'make-env closes the folder secrets/ to others, not its files',
  async t => {
    const dir = t.testdir()
    await copyBundle(dir)
    await run(join(dir, 'make-env'), [])
    t.equal((await stat(join(dir, 'secrets'))).mode & 0o777, 0o700)
    for (const name of SECRETS) {
      const { mode } = await stat(join(dir, 'secrets', name))
      t.equal(mode & 0o777, 0o444, name)
    }
  },
)

t.test('make-env makes a checkout of umask 077 readable', async t => {
  const dir = t.testdir()
  await copyBundle(dir)
  await chmod(join(dir, 'prom/rules'), 0o700)
  await chmod(join(dir, 'prom/prometheus.yml'), 0o600)
  const { code, output } = await run(join(dir, 'make-env'), [])
  t.equal(code, 0, output)
  const modeOf = async (path: string) =>
    (await stat(join(dir, path))).mode & 0o777
  t.equal(await modeOf('prom/rules'), 0o755)
  t.equal(await modeOf('prom/prometheus.yml'), 0o644)
})

t.test('make-env keeps existing files when it runs again', async t => {
  const dir = t.testdir()
  await copyBundle(dir)
  const script = join(dir, 'make-env')
  await writeFile(join(dir, '.env'), 'CORE_ID=mine\nPROM_PORT=9999\n')
  await mkdir(join(dir, 'secrets'))
  await writeFile(join(dir, 'secrets/grafana-admin-password'), 'chosen\n')
  await run(script, [])
  const token = await readFile(join(dir, 'secrets/ingest-token'), 'utf8')
  const { code, output } = await run(script, [])
  t.equal(code, 0, output)
  t.equal(
    await readFile(join(dir, '.env'), 'utf8'),
    'CORE_ID=mine\nPROM_PORT=9999\n',
  )
  t.equal(
    await readFile(join(dir, 'secrets/grafana-admin-password'), 'utf8'),
    'chosen\n',
  )
  t.equal(await readFile(join(dir, 'secrets/ingest-token'), 'utf8'), token)
})

t.test(
  'make-env adds CORE_ID to a .env of v0.1 and reports an obsolete line',
  async t => {
    const dir = t.testdir()
    await copyBundle(dir)
    await writeFile(
      join(dir, '.env'),
      'CORE_HTTP_PORT=8081\nGRAFANA_ADMIN_PASSWORD=$(openssl rand -base64 24)\n',
    )
    const { code, output } = await run(join(dir, 'make-env'), [])
    t.equal(code, 0, output)
    t.match(output, 'GRAFANA_ADMIN_PASSWORD in .env is no longer read')
    t.match(
      await readFile(join(dir, '.env'), 'utf8'),
      /^CORE_HTTP_PORT=8081\n[^]*^CORE_ID=dragonfork-truenas$/m,
    )
  },
)

t.test('make-env adds CORE_ID on a line of its own', async t => {
  const dir = t.testdir()
  await copyBundle(dir)
  await writeFile(join(dir, '.env'), 'CORE_HTTP_PORT=8081')
  await run(join(dir, 'make-env'), [])
  t.equal(
    await readFile(join(dir, '.env'), 'utf8'),
    'CORE_HTTP_PORT=8081\nCORE_ID=dragonfork-truenas\n',
  )
})
