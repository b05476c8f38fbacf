/** The files of deploy/fleet, as the programs that read them see them. */
import { cp, mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import { parse } from 'yaml'
import { requireProgram, run } from '../../../shared/test/fixtures/program.ts'
import { BUNDLE, RULE_FILES } from '../truenas/fixtures/bundle.ts'
import { CERTIFICATE } from './fixtures/fleet-prometheus.ts'

const FLEET = fileURLToPath(new URL('../../fleet/', import.meta.url))

function read(file: string): Promise<string> {
  return readFile(FLEET + file, 'utf8')
}

interface Service {
  readonly image: string
  readonly read_only: boolean
  readonly cap_drop: readonly string[]
  readonly healthcheck?: object
}

interface Targets {
  readonly targets: readonly string[]
  readonly labels: { readonly core: string }
}

t.test('the balancer and both Prometheus jobs have the same cores', async t => {
  const haproxy = await read('haproxy/haproxy.cfg')
  const servers = [...haproxy.matchAll(/^ +server (\w+) ([\d.]+):8080$/gm)]
  const targets = parse(await read('prom/targets/cores.yml')) as Targets[]
  t.ok(servers.length > 1)
  t.strictSame(
    targets.map(target => [target.labels.core, target.targets]),
    servers.map(([, name, host = '']) => [name, [`${host}:9443`]]),
  )
  const prometheus = await read('prom/prometheus.yml')
  t.strictSame(
    [...prometheus.matchAll(/- url: (https:.*\/sd)$/gm)].map(([, url]) => url),
    servers.map(([, , host = '']) => `https://${host}:9443/sd`),
  )
})

t.test('every service has least privileges and a health check', async t => {
  const { services } = parse(await read('docker-compose.yml'), {
    merge: true,
  }) as { readonly services: Readonly<Record<string, Service>> }
  t.strictSame(Object.keys(services), ['haproxy', 'prom', 'grafana'])
  for (const [name, service] of Object.entries(services)) {
    t.equal(service.read_only, true, name)
    t.strictSame(service.cap_drop, ['ALL'], name)
    t.match(service.image, /:-[\w/-]+:v?\d+\.\d+[\w.-]*\}$/, name)
    t.ok(service.healthcheck, name)
  }
})

t.test('docker-compose accepts both files', async t => {
  if (requireProgram(t, 'docker-compose') === undefined) return
  const check = (...files: readonly string[]) =>
    run(
      'docker-compose',
      [...files.flatMap(file => ['-f', file]), 'config', '--quiet'],
      { env: { CORE_ID: 'core1' } },
    )
  const fleet = await check(`${FLEET}docker-compose.yml`)
  t.equal(fleet.code, 0, fleet.output)
  const core = await check(
    `${BUNDLE}docker-compose.yml`,
    `${FLEET}core.override.yml`,
  )
  t.equal(core.code, 0, core.output)
})

t.test('promtool accepts prometheus.yml', async t => {
  if (requireProgram(t, 'promtool') === undefined) return
  const dir = t.testdir({ rules: {}, 'tls-cores': {}, secrets: {} })
  await mkdir(join(dir, 'targets'))
  await cp(`${FLEET}prom/targets`, join(dir, 'targets'), { recursive: true })
  for (const file of RULE_FILES) {
    await cp(BUNDLE + file, join(dir, file.replace('prom/', '')))
  }
  await cp(CERTIFICATE, join(dir, 'tls-cores/ca.pem'))
  await writeFile(join(dir, 'secrets/exporter_password'), 'x')
  const config = (await read('prom/prometheus.yml')).replaceAll(
    '/run/',
    `${dir}/`,
  )
  const file = join(dir, 'prometheus.yml')
  await writeFile(file, config)
  const { code, output } = await run('promtool', ['check', 'config', file])
  t.equal(code, 0, output)
})

t.test('make-secrets writes secrets once', async t => {
  const dir = t.testdir({ fleet: {}, truenas: { core: {} } })
  for (const folder of ['haproxy', 'prom', 'grafana', 'make-secrets']) {
    await cp(FLEET + folder, join(dir, 'fleet', folder), { recursive: true })
  }
  for (const folder of ['prom', 'grafana']) {
    await cp(BUNDLE + folder, join(dir, 'truenas/core', folder), {
      recursive: true,
    })
  }
  const secrets = () =>
    Promise.all(
      ['exporter-password', 'grafana-admin-password'].map(name =>
        readFile(join(dir, 'fleet/secrets', name), 'utf8'),
      ),
    )
  const first = await run(join(dir, 'fleet/make-secrets'), [])
  t.equal(first.code, 0, first.output)
  const written = await secrets()
  for (const secret of written) t.match(secret, /^[\w-]{32}\n$/)
  t.not(written[0], written[1])
  const second = await run(join(dir, 'fleet/make-secrets'), [])
  t.equal(second.code, 0, second.output)
  t.strictSame(await secrets(), written)
})
