/** The dashboard "WebRTC Fleet": one line per core. */
import {
  DashboardLinkBuilder,
  DashboardLinkType,
  MappingType,
  type ValueMap,
} from '@grafana/grafana-foundation-sdk/dashboard'
import { HEALTH_UID, LIVE_SETTINGS, runbookDashboardLink } from './health.ts'
import { layOut, refId, type Row } from './layout.ts'
import {
  rangeQuery,
  table,
  tableQuery,
  thresholds,
  timeseries,
} from './panels.ts'
import type { RunbookLink } from './runbook.ts'
import { verdictByCore, verdictTexts, type Cores } from './verdict.ts'

/** Every core whose exporter is a target with the label `core`. */
const TARGETS: Cores = {
  of: 'core!=""',
  known: 'group by (core) (up{job="dragonfork-exporter",core!=""})',
}

/** A column of the table, in order. */
interface Column {
  readonly title: string
  /** PromQL with one sample per core, which has no label but `core`. */
  readonly expr: string
}

const FIRST_LINE = 'first line'
const EXPORTER = 'exporter'
const PORTS_LEFT = 'ports left'
const CAP_REJECTIONS = 'cap rejections, 5 min'

// Each aggregation keeps `core`, so no number adds up two boxes.
const COLUMNS: readonly Column[] = [
  { title: FIRST_LINE, expr: verdictByCore(TARGETS) },
  {
    title: EXPORTER,
    expr: 'max by (core) (up{job="dragonfork-exporter",core!=""})',
  },
  {
    title: 'viewers',
    expr: 'sum by (core) (dragonfork_webrtc_active_peers)',
  },
  {
    title: 'streams',
    expr: 'max by (core) (dragonfork_webrtc_active_streams)',
  },
  {
    title: 'ports in use',
    expr: 'max by (core) (dragonfork_webrtc_udp_ports_in_use)',
  },
  {
    title: PORTS_LEFT,
    expr: 'max by (core) (dragonfork_webrtc_udp_ports_available)',
  },
  {
    title: CAP_REJECTIONS,
    expr: 'sum by (core) (increase(dragonfork_webrtc_cap_rejections_total[5m]))',
  },
]

const UP_OR_DOWN: ValueMap = {
  type: MappingType.ValueToText,
  options: {
    '0': { text: 'down', color: 'red', index: 0 },
    '1': { text: 'up', color: 'green', index: 1 },
  },
}

/** Returns the dashboard as the JSON model that Grafana reads from a file. */
export function fleetDashboard(link: RunbookLink) {
  return {
    uid: 'dragonfork-webrtc-fleet',
    title: 'WebRTC Fleet',
    description:
      'Which core needs attention right now? Generated: do not edit.',
    ...LIVE_SETTINGS,
    links: [runbookDashboardLink()],
    panels: layOut([coresRow(link), alertsRow(link)]),
  }
}

function coresRow(link: RunbookLink): Row {
  const cores = table({
    title: 'Cores',
    description:
      'One line per target with the label core, with the first line of its ' +
      'WebRTC Health, which a click on the core opens. If a number is not ' +
      'reported, the first line says why. Viewers rejected at a cap were ' +
      'sent to another core, if that had room.',
    runbook: link('The first line'),
  })
  for (const { expr } of COLUMNS) cores.withTarget(tableQuery(expr))
  const titles = COLUMNS.map(({ title }, index) => [
    `Value #${refId(index)}`,
    title,
  ])
  return {
    height: 12,
    panels: [
      {
        width: 24,
        panel: cores
          .withTransformation({ id: 'merge', options: {} })
          .withTransformation({
            id: 'organize',
            options: {
              excludeByName: { Time: true },
              renameByName: Object.fromEntries(titles) as object,
            },
          })
          .decimals(0)
          .overrideByName('core', [
            { id: 'links', value: [healthLink().build()] },
          ])
          .overrideByName(FIRST_LINE, [
            { id: 'mappings', value: [verdictTexts()] },
            { id: 'custom.cellOptions', value: { type: 'color-background' } },
            { id: 'custom.width', value: 340 },
          ])
          .overrideByName(EXPORTER, [
            { id: 'mappings', value: [UP_OR_DOWN] },
            { id: 'custom.cellOptions', value: { type: 'color-text' } },
          ])
          .overrideByName(PORTS_LEFT, [
            {
              id: 'thresholds',
              value: thresholds(
                'red',
                { value: 10, color: 'orange' },
                { value: 50, color: 'green' },
              ).build(),
            },
            { id: 'custom.cellOptions', value: { type: 'color-text' } },
          ])
          .overrideByName(CAP_REJECTIONS, [
            {
              id: 'thresholds',
              value: thresholds('green', { value: 1, color: 'orange' }).build(),
            },
            { id: 'custom.cellOptions', value: { type: 'color-text' } },
          ])
          // Also shown in each empty cell.
          .noValue('Not reported'),
      },
    ],
  }
}

function healthLink() {
  return new DashboardLinkBuilder('WebRTC Health')
    .type(DashboardLinkType.Link)
    .url(`/d/${HEALTH_UID}/webrtc-health?var-core=\${__value.text}`)
}

function alertsRow(link: RunbookLink): Row {
  return {
    height: 9,
    panels: [
      {
        width: 12,
        panel: timeseries({
          title: 'Viewers per core',
          description:
            'The balancer sends each new viewer to the core with the fewest ' +
            'viewers for its weight. A line far below the others is a core ' +
            'that drains, that has just started, or that refuses viewers.',
          runbook: link('Caps and ports'),
        })
          .withTarget(
            rangeQuery(
              'sum by (core) (dragonfork_webrtc_active_peers)',
              '{{core}}',
            ),
          )
          .decimals(0)
          .noValue('No streams'),
      },
      {
        width: 12,
        panel: table({
          title: 'Alerts firing, all cores',
          description:
            'Empty is good. Each alert has a section of its name in the ' +
            'runbook.',
          runbook: link('WebRTCMediaNotConnected'),
        })
          .withTarget(
            tableQuery(
              'max by (core, alertname, stream_id, severity) (ALERTS{alertstate="firing"})',
            ),
          )
          .withTransformation({
            id: 'organize',
            options: {
              excludeByName: { Time: true, Value: true },
              renameByName: { alertname: 'alert', stream_id: 'stream' },
            },
          })
          .noValue('No alert is firing'),
      },
    ],
  }
}
