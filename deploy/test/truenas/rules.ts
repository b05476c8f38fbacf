import { readFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import { parse } from 'yaml'
import { readRunbook } from '../../dashboard/runbook.ts'
import { ALERTS } from '../../verify/prometheus.ts'
import {
  BUNDLE,
  readAlerts,
  readBundle,
  RULE_FILES,
} from './fixtures/bundle.ts'
import { readDashboard, RUNBOOK } from './fixtures/dashboard.ts'
import { unknownIn } from './fixtures/known-metrics.ts'
import { requireProgram, run } from '../../../shared/test/fixtures/program.ts'

const RULES = fileURLToPath(new URL('rules/', import.meta.url))

/** Path of the promtool tests for a rules file. */
function testsOf(rules: string): string {
  return RULES + rules.replace(/^.*\/(.*)\.yml$/, '$1.test.yml')
}

t.test('promtool accepts the configuration and all rules', async t => {
  if (requireProgram(t, 'promtool') === undefined) return
  const { code, output } = await run('promtool', [
    'check',
    'config',
    `${BUNDLE}prom/prometheus.yml`,
  ])
  t.equal(code, 0, output)
  t.match(output, '2 rule files found')
})

for (const file of RULE_FILES) {
  t.test(`${file} passes its promtool tests`, async t => {
    if (requireProgram(t, 'promtool') === undefined) return
    const { code, output } = await run('promtool', [
      'test',
      'rules',
      testsOf(file),
    ])
    t.equal(code, 0, output)
  })

  t.test(
    `${file}: promtool tests show each alert firing and not firing`,
    async t => {
      const { tests } = parse(await readFile(testsOf(file), 'utf8')) as {
        tests: readonly {
          alert_rule_test: readonly {
            alertname: string
            exp_alerts?: unknown[]
          }[]
        }[]
      }
      const cases = tests.flatMap(test => test.alert_rule_test)
      for (const { alert } of await readAlerts(file)) {
        const own = cases.filter(({ alertname }) => alertname === alert)
        const fires = own.filter(({ exp_alerts }) => exp_alerts?.length)
        t.ok(fires.length > 0, `${alert} fires`)
        t.ok(own.length > fires.length, `${alert} does not fire`)
      }
    },
  )

  t.test(`${file} queries only metrics and labels that exist`, async t => {
    for (const { alert, expr } of await readAlerts(file)) {
      t.strictSame(unknownIn(expr), [], alert)
    }
  })

  t.test(
    `${file}: the runbook_url of each alert is the panel of that alert`,
    async t => {
      const runbook = await readDashboard(RUNBOOK)
      const titles = new Map(runbook.panels.map(({ id, title }) => [id, title]))
      for (const { alert, annotations } of await readAlerts(file)) {
        const url = new URL(annotations['runbook_url'] ?? '', 'http://grafana')
        t.equal(url.pathname, `/d/${runbook.uid}/webrtc-runbook`, alert)
        const panel = Number(url.searchParams.get('viewPanel'))
        t.equal(titles.get(panel), alert)
      }
    },
  )

  t.test(`${file}: each alert links to its section of the runbook`, async t => {
    const sections = readRunbook(await readBundle('README.md'))
    const titles = sections.map(({ title }) => title)
    for (const { alert, labels, annotations } of await readAlerts(file)) {
      t.ok(titles.includes(alert), `runbook has ${alert}`)
      t.equal(
        annotations['runbook'],
        `deploy/truenas/core/README.md#${alert.toLowerCase()}`,
      )
      t.ok(annotations['summary'], `${alert} has a summary`)
      t.ok(annotations['description'], `${alert} has a description`)
      t.match(labels['severity'], /^(critical|warning)$/)
    }
  })
}

t.test('verify expects exactly the alerts of the rule files', async t => {
  const alerts = await Promise.all(RULE_FILES.map(readAlerts))
  t.strictSame(
    alerts.flat().map(({ alert }) => alert),
    [...ALERTS],
  )
})

t.test(
  'the WebRTC alerts have their documented names and thresholds',
  async t => {
    const alerts = await readAlerts('prom/rules/webrtc-alerts.yml')
    const shown = alerts.map(({ alert, expr, for: time, labels }) => ({
      alert,
      threshold: /> ([\d.]+)(?!.*> )/s.exec(expr.split('\nor')[0] ?? '')?.[1],
      window: /\[(\w+)\]/.exec(expr)?.[1],
      time,
      severity: labels['severity'],
    }))
    t.strictSame(shown, [
      {
        alert: 'WebRTCWHEPErrorRateHigh',
        threshold: '0.5',
        window: '5m',
        time: '5m',
        severity: 'warning',
      },
      {
        alert: 'WebRTCICEEstablishmentSlow',
        threshold: '3',
        window: '10m',
        time: '10m',
        severity: 'warning',
      },
      {
        alert: 'WebRTCICEFailureRateHigh',
        threshold: '0.2',
        window: '5m',
        time: '5m',
        severity: 'warning',
      },
      {
        alert: 'WebRTCFFmpegLegFailure',
        threshold: '0',
        window: '5m',
        time: undefined,
        severity: 'critical',
      },
      {
        alert: 'WebRTCProbeFailing',
        threshold: undefined,
        window: '2m15s',
        time: undefined,
        severity: 'critical',
      },
    ])
  },
)
