import { appendFile, chmod } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import t from 'tap'
import { SETTINGS as EXPORTER } from '../../../exporter/config.ts'
import { SETTINGS as MEDIA } from '../../../media/config.ts'
import { copyBundle, readBundle, readYaml } from './fixtures/bundle.ts'
import { requireProgram, run } from '../../../shared/test/fixtures/program.ts'

interface Service {
  readonly image: string
  readonly build?: { readonly dockerfile: string }
  readonly container_name: string
  readonly restart: string
  readonly read_only: boolean
  readonly cap_drop: readonly string[]
  readonly security_opt: readonly string[]
  readonly tmpfs: readonly string[]
  readonly logging: { readonly options: Readonly<Record<string, string>> }
  readonly healthcheck?: object
  readonly entrypoint?: readonly string[]
  readonly depends_on?: Readonly<Record<string, { readonly condition: string }>>
  readonly environment: Readonly<Record<string, string>>
  readonly ports?: readonly string[]
  readonly secrets?: readonly string[]
  readonly volumes: readonly string[]
}

interface Compose {
  readonly services: Readonly<Record<string, Service>>
  readonly volumes: Readonly<Record<string, { readonly name: string }>>
  readonly secrets: Readonly<Record<string, { readonly file: string }>>
}

const text = await readBundle('docker-compose.yml')
const compose = await readYaml<Compose>('docker-compose.yml')
const services = Object.entries(compose.services)

/** The variables that the file reads from .env, with their defaults. */
const VARIABLES = new Map(
  [...text.matchAll(/\$\{(\w+)(?::?-([^}]*))?(?::\?[^}]*)?\}/g)].map(
    ([, name = '', fallback]) => [name, fallback],
  ),
)

t.test('the bundle has four services with documented container names', t => {
  t.strictSame(
    services.map(([name, { container_name }]) => [name, container_name]),
    [
      ['core', 'dragonfork-core'],
      ['exporter', 'dragonfork-exporter'],
      ['prom', 'dragonfork-prom'],
      ['grafana', 'dragonfork-grafana'],
    ],
  )
  t.end()
})

for (const [name, service] of services) {
  t.test(
    `${name} runs with minimal privileges, restart and health checks`,
    async t => {
      t.equal(service.read_only, true)
      t.strictSame(service.cap_drop, ['ALL'])
      t.strictSame(service.security_opt, ['no-new-privileges:true'])
      t.strictSame(service.tmpfs, ['/tmp'])
      t.equal(service.restart, 'unless-stopped')
      t.ok(service.logging.options['max-size'], 'bounded log')
      if (service.build === undefined) {
        t.ok(service.healthcheck, 'healthcheck')
      } else {
        const dockerfile = await readBundle(
          `../../../${service.build.dockerfile}`,
        )
        t.match(dockerfile, /^HEALTHCHECK /m)
        t.match(dockerfile, /^USER node$/m)
      }
    },
  )

  t.test(`${name} has a pinned image that .env can override`, t => {
    t.match(
      service.image,
      /^\$\{[A-Z]+_IMAGE:-[\w./-]+:v?\d+\.\d+\.\d+[\w.-]*\}$/,
    )
    t.end()
  })

  t.test(`${name} has no secret in its environment`, t => {
    for (const key of Object.keys(service.environment)) {
      // Every viewer knows this token.
      if (key === 'CORE_WHEP_TOKEN') continue
      t.notMatch(key, /(TOKEN|PASSWORD)$/)
    }
    t.end()
  })

  t.test(`${name} writes to named volumes only`, t => {
    for (const volume of service.volumes) {
      const [from = ''] = volume.split(':')
      t.ok(volume.endsWith(':ro') || compose.volumes[from], volume)
    }
    t.end()
  })
}

t.test('only Grafana publishes a port beyond loopback', t => {
  const published = services.flatMap(([name, { ports = [] }]) =>
    ports
      .filter(
        port => !/^(127\.0\.0\.1|\$\{PROM_BIND:-127\.0\.0\.1\}):/.test(port),
      )
      .map(port => `${name} ${port}`),
  )
  t.strictSame(published, ['grafana ${GRAFANA_PORT:-3000}:3000'])
  t.end()
})

t.test('prom and grafana wait for a healthy dependency, core for none', t => {
  const order = services.map(([name, { depends_on = {} }]) => [
    name,
    depends_on,
  ])
  t.strictSame(Object.fromEntries(order), {
    core: {},
    exporter: {},
    prom: { exporter: { condition: 'service_healthy' } },
    grafana: { prom: { condition: 'service_healthy' } },
  })
  t.end()
})

t.test('core passes on every setting of the media process', t => {
  const given = compose.services['core']?.environment ?? {}
  // The image has its own FFmpeg.
  const fixed = ['CORE_FFMPEG_BINARY']
  for (const { name } of Object.values(MEDIA)) {
    if (fixed.includes(name)) continue
    t.ok(name in given || `${name}_FILE` in given, name)
  }
  t.end()
})

t.test('core and exporter pass on only settings that exist', t => {
  const check = (service: string, settings: readonly { name: string }[]) => {
    const names = settings.flatMap(({ name }) => [name, `${name}_FILE`])
    for (const key of Object.keys(
      compose.services[service]?.environment ?? {},
    )) {
      t.ok(names.includes(key), `${service} ${key}`)
    }
  }
  check('core', Object.values(MEDIA))
  check('exporter', Object.values(EXPORTER))
  t.end()
})

t.test(
  'the README lists exactly the variables, with their defaults',
  async t => {
    const readme = await readBundle('README.md')
    const [, settings = ''] = readme.split(/^## Settings$/m)
    const [table = ''] = settings.split(/^## /m)
    const rows = [...table.matchAll(/^\| ([A-Z_]+) \| (.*?) \|/gm)]
    t.strictSame(
      rows.map(([, name]) => name).sort(),
      [...VARIABLES.keys()].sort(),
    )
    for (const [, name = '', shown = ''] of rows) {
      const fallback = VARIABLES.get(name)
      if (fallback === undefined || fallback === '') continue
      if (name === 'CORE_PROCESS_FILE') continue
      t.equal(shown, `\`${fallback}\``, name)
    }
  },
)

t.test('.env.example has only variables that the file reads', async t => {
  const example = await readBundle('.env.example')
  const names = [...example.matchAll(/^#?([A-Z_]+)=(.*)$/gm)]
  t.ok(names.length > 10)
  for (const [, name = '', value = ''] of names) {
    if (name === 'COMPOSE_PROJECT_NAME') continue
    t.ok(VARIABLES.has(name), name)
    t.notMatch(value, '$', 'no value looks like a command')
  }
})

t.test(
  'Docker Compose accepts the file and the output of make-env',
  async t => {
    const program = requireProgram(t, 'docker-compose')
    if (program === undefined) return
    const dir = t.testdir()
    await copyBundle(dir)
    await run(join(dir, 'make-env'), [])
    const { code, output } = await run(program, ['config', '--quiet'], {
      cwd: dir,
    })
    t.equal(code, 0, output)
  },
)

t.test('the exporter probes the port and path that .env sets', async t => {
  const program = requireProgram(t, 'docker-compose')
  if (program === undefined) return
  const dir = t.testdir()
  await copyBundle(dir)
  await run(join(dir, 'make-env'), [])
  await appendFile(
    join(dir, '.env'),
    'CORE_HTTP_PORT=8090\nCORE_PUBLIC_BASE_PATH=/live\n',
  )
  const { output } = await run(program, ['config'], { cwd: dir })
  t.match(output, 'EXPORTER_PROBE_URL: http://host.docker.internal:8090/live\n')
  t.match(output, /host\.docker\.internal[:=] ?host-gateway/)
})

t.test('Docker Compose without .env says to run make-env', async t => {
  const program = requireProgram(t, 'docker-compose')
  if (program === undefined) return
  const dir = t.testdir()
  await copyBundle(dir)
  const { code, output } = await run(program, ['config'], { cwd: dir })
  t.not(code, 0)
  t.match(output, 'run ./make-env first, it writes .env and secrets/')
})

t.test('Grafana does not start without a readable password', async t => {
  const [shell = '', flag = '', script = ''] =
    compose.services['grafana']?.entrypoint ?? []
  // Compose replaces $$ by $.
  const start = script.replaceAll('$$', '$')
  const unreadable = t.testdir({ password: 'chosen' }) + '/password'
  await chmod(unreadable, 0o000)
  // Root can read every file; Grafana does not run as root.
  const isRoot = process.getuid?.() === 0
  const asNobody = isRoot ? 'setpriv' : 'env'
  const as = isRoot ? ['--reuid=65534', '--'] : []
  for (const file of ['/does-not-exist', dirname(unreadable), unreadable]) {
    const { code, output } = await run(asNobody, [...as, shell, flag, start], {
      env: { GF_SECURITY_ADMIN_PASSWORD__FILE: file },
    })
    t.equal(code, 1)
    t.match(
      output,
      'secrets/grafana-admin-password is missing or cannot be read',
    )
    t.match(output, 'run ./make-env')
  }
})
