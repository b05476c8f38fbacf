import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import { FAMILY_NAMES } from '../../../shared/protocol/catalogue.ts'
import { generate } from '../../dashboard/generate.ts'
import { readRunbook } from '../../dashboard/runbook.ts'
import { readBundle } from './fixtures/bundle.ts'
import {
  DEPLOY,
  FLEET,
  HEALTH,
  queriesOf,
  readDashboard,
  RUNBOOK,
} from './fixtures/dashboard.ts'
import { checkAgainstGrafana } from './fixtures/grafana-types.ts'
import { unknownIn } from './fixtures/known-metrics.ts'
import { requireProgram, run } from '../../../shared/test/fixtures/program.ts'

const health = await readDashboard(HEALTH)
const fleet = await readDashboard(FLEET)
const QUERIES = [...queriesOf(health), ...queriesOf(fleet)]

t.test('the committed dashboards match their source', async t => {
  const made = generate(await readBundle('README.md'))
  t.strictSame([...made.keys()], [HEALTH, RUNBOOK, FLEET])
  for (const [path, json] of made) {
    t.equal(await readFile(join(DEPLOY, path), 'utf8'), json, path)
  }
})

for (const file of [HEALTH, RUNBOOK, FLEET]) {
  t.test(`${file} type-checks against Grafana 11.3`, async t => {
    const dashboard = await readDashboard(file)
    const annotations = (dashboard.annotations?.list ?? []).map(
      // Keys of the Prometheus data source, which publishes no types for them.
      ({ expr, step, titleFormat, textFormat, tagKeys, ...known }) => {
        t.ok(expr && step && titleFormat && textFormat, 'complete annotation')
        t.type(tagKeys ?? '', 'string')
        return known
      },
    )
    const found = await checkAgainstGrafana(
      { ...dashboard, annotations: { list: annotations } },
      dashboard.panels,
      t.testdir(),
    )
    t.strictSame(found, [])
  })
}

t.test('the check against Grafana reports an unknown key', async t => {
  const wrong = { ...health, annotations: {}, refreshEvery: '30s' }
  const found = await checkAgainstGrafana(wrong, [], t.testdir())
  t.match(found.join(), /'"refreshEvery"' does not exist/)
})

t.test('the check against Grafana reports an invalid value', async t => {
  const wrong = { type: 'stat', title: '', options: { textMode: 'big' } }
  const found = await checkAgainstGrafana({}, [wrong], t.testdir())
  t.match(found.join(), /'"big"' is not assignable/)
})

t.test('WebRTC Health has the first line and six rows of panels', t => {
  const rows = new Map<string, string[]>()
  let row = ''
  for (const { type, title } of health.panels) {
    if (type === 'row') row = title
    rows.set(row, [...(rows.get(row) ?? []), `${type}: ${title}`])
  }
  t.strictSame(Object.fromEntries(rows), {
    '': ['stat: Is WebRTC healthy right now?', 'table: Alerts firing'],
    'Proof without viewers': [
      'row: Proof without viewers',
      'table: Proof',
      'timeseries: Time to the first picture',
    ],
    'WHEP API health': [
      'row: WHEP API health',
      'stat: Requests by route',
      'timeseries: Errors by code',
      'timeseries: p95 request duration by route',
    ],
    'ICE establishment': [
      'row: ICE establishment',
      'gauge: Success and failure',
      'timeseries: Establishment time',
      'table: Failures by reason',
    ],
    "What's flowing": [
      "row: What's flowing",
      'stat: Active streams',
      'timeseries: Viewers per stream',
      'table: Top 5 streams by viewers',
    ],
    'Capacity headroom': [
      'row: Capacity headroom',
      'gauge: UDP ports available',
      'timeseries: UDP ports in use',
      'timeseries: Cap rejections',
    ],
    'Silent degradation': [
      'row: Silent degradation',
      'timeseries: FFmpeg leg failures',
      'stat: Codec mismatches',
    ],
  })
  t.end()
})

t.test('WebRTC Health has its refresh, variables and annotations', t => {
  t.equal(health.uid, 'dragonfork-webrtc-health')
  t.equal(health.title, 'WebRTC Health')
  t.equal(health.refresh, '30s')
  const variables = health.templating?.list.map(({ name }) => name)
  t.strictSame(variables, ['core', 'stream'])
  const annotations = health.annotations?.list.map(({ name }) => name)
  t.strictSame(annotations, [
    'Leg failures',
    'Media process restarts',
    'Exporter starts',
  ])
  t.end()
})

t.test('WebRTC Fleet has one line per core, then viewers and alerts', t => {
  const titles = fleet.panels.map(({ type, title }) => `${type}: ${title}`)
  t.strictSame(titles, [
    'table: Cores',
    'timeseries: Viewers per core',
    'table: Alerts firing, all cores',
  ])
  t.match(
    JSON.stringify(fleet.panels[0]),
    `/d/${health.uid}/webrtc-health?var-core=\${__value.text}`,
  )
  t.end()
})

t.test('every panel has a description and a link to the runbook', async t => {
  const sections = readRunbook(await readBundle('README.md'))
  for (const panel of [...health.panels, ...fleet.panels]) {
    if (panel.type === 'row') continue
    t.ok((panel.description?.length ?? 0) > 40, `${panel.title}: description`)
    const url = panel.links?.[0]?.url ?? ''
    const id = Number(
      /\/d\/dragonfork-webrtc-runbook\/.*viewPanel=(\d+)$/.exec(url)?.[1],
    )
    t.ok(sections[id - 1], `${panel.title}: ${url}`)
  }
})

t.test('the dashboards query only metrics and labels that exist', t => {
  for (const { where, expr } of QUERIES) {
    t.strictSame(unknownIn(expr), [], where)
  }
  t.end()
})

t.test('WebRTC Health queries every family of the catalogue', t => {
  const all = queriesOf(health)
    .map(({ expr }) => expr)
    .join('\n')
  for (const name of FAMILY_NAMES) t.ok(all.includes(name), name)
  t.end()
})

t.test('promtool parses every query of the dashboards', async t => {
  if (requireProgram(t, 'promtool') === undefined) return
  const dir = t.testdir()
  const rules = QUERIES.map(({ expr }, index) => ({
    record: `query_${index}`,
    expr: expr
      .replaceAll('$__rate_interval', '1m')
      .replaceAll('$__range', '1h'),
  }))
  const file = join(dir, 'queries.yml')
  // JSON is YAML.
  await writeFile(
    file,
    JSON.stringify({ groups: [{ name: 'queries', rules }] }),
  )
  const { code, output } = await run('promtool', ['check', 'rules', file])
  t.equal(code, 0, output)
})
