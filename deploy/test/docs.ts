import { access, readFile } from 'node:fs/promises'
import t from 'tap'
import {
  CATALOGUE,
  FAMILY_NAMES,
  familyOf,
} from '../../shared/protocol/catalogue.ts'
import type { SettingsTable } from '../../shared/runtime/settings.ts'
import { SETTINGS as EXPORTER } from '../../exporter/config.ts'
import { createTelemetry } from '../../exporter/telemetry.ts'
import { SETTINGS as MEDIA } from '../../media/config.ts'

/** Reads a file by its path in the repository. */
function read(path: string): Promise<string> {
  return readFile(new URL(`../../${path}`, import.meta.url), 'utf8')
}

const readme = await read('README.md')

/** Returns the first two columns of the README's rows that match. */
function rowsLike(first: RegExp): readonly (readonly string[])[] {
  return readme
    .split('\n')
    .map(line => line.split(' | ').map(cell => cell.replace(/^\| /, '')))
    .filter(([cell = '']) => first.test(cell))
    .map(cells => cells.slice(0, 2))
}

/** Returns the rows that README must have for a settings table. */
function rowsOf(table: SettingsTable): readonly string[] {
  return Object.values(table).map(({ name, fallback, help, secret }) => {
    const shown = fallback === '' ? '' : `\`${fallback}\``
    const file = secret ? ` (or ${name}_FILE)` : ''
    return ['', name + file, shown, help, ''].join(' | ').trim()
  })
}

for (const [part, table] of Object.entries({
  media: MEDIA,
  exporter: EXPORTER,
})) {
  t.test(`README lists every setting of the ${part} process`, t => {
    for (const row of rowsOf(table)) {
      t.ok(readme.includes(`\n${row}\n`), row)
    }
    t.end()
  })
}

t.test('README lists every family with its type and labels', t => {
  const rows = readme.match(/^\| dragonfork_webrtc_.*$/gm) ?? []
  t.equal(rows.length, Object.keys(CATALOGUE).length)
  for (const name of FAMILY_NAMES) {
    const { type, labels } = familyOf(name)
    const row = `| ${name} | ${type} | ${labels.join(', ')} |`
    t.ok(rows.map(String).includes(row.replace('|  |', '| |')), row)
  }
  t.end()
})

t.test('README lists every metric of the exporter with its type', async t => {
  const { registry } = createTelemetry('0')
  const metrics = (await registry.getMetricsAsJSON())
    .filter(({ name }) => name.startsWith('dragonfork_exporter_'))
    .map(({ name, type }) => [name, String(type)])
  t.ok(metrics.length > 10)
  t.strictSame(rowsLike(/^dragonfork_exporter_/).toSorted(), metrics.toSorted())
})

/** Returns the routes that a source file adds to its router. */
async function routesIn(path: string): Promise<readonly string[]> {
  const source = await read(path)
  const prefix = /new Router\(\{ prefix: '(.*)' \}\)/.exec(source)?.[1] ?? ''
  return [...source.matchAll(/router\.(get|post|put|delete)\('(.*?)'/g)].map(
    ([, method = '', route = '']) => {
      const template = (prefix + route).replace(/\/$/, '')
      return `${method.toUpperCase()} ${template.replace(/:(\w+)/g, '{$1}')}`
    },
  )
}

t.test('README lists every route of the admin API', async t => {
  const routes = [
    ...(await routesIn('media/process/routes.ts')),
    ...(await routesIn('media/process/list-routes.ts')),
    ...(await routesIn('media/web/overview.ts')),
    ...(await routesIn('media/web/admin-routes.ts')),
    ...(await routesIn('media/web/drain-routes.ts')),
  ]
  t.ok(routes.length > 10)
  t.strictSame(
    rowsLike(/^(GET|POST|PUT|DELETE) /).map(([route]) => route),
    routes,
  )
})

for (const document of [
  'README.md',
  'CONTRIBUTING.md',
  'deploy/TESTING.md',
  'deploy/truenas/core/README.md',
]) {
  t.test(`${document} names only files and folders that exist`, async t => {
    const text = await read(document)
    const paths = text.match(
      /(?<![\w/.-])(?:media|exporter|shared|deploy)\/[\w./-]*\w(?![\w*])/g,
    )
    t.ok(paths?.length)
    for (const path of new Set(paths)) {
      await t.resolves(access(new URL(`../../${path}`, import.meta.url)), path)
    }
  })
}
