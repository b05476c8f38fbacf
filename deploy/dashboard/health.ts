/** The dashboard "WebRTC Health". */
import {
  AnnotationQueryBuilder,
  DashboardCursorSync,
  DashboardLinkBuilder,
  DashboardLinkType,
  QueryVariableBuilder,
  VariableRefresh,
  VariableSort,
} from '@grafana/grafana-foundation-sdk/dashboard'
import { capacityRow } from './capacity-row.ts'
import { degradationRow } from './degradation-row.ts'
import { flowRow } from './flow-row.ts'
import { iceRow } from './ice-row.ts'
import { layOut } from './layout.ts'
import { PROMETHEUS } from './panels.ts'
import { RUNBOOK_UID, type RunbookLink } from './runbook.ts'
import { proofRow } from './proof-row.ts'
import { OF_CORE, OF_STREAM } from './selectors.ts'
import { verdictRow } from './verdict.ts'
import { whepRow } from './whep-row.ts'

/** Dashboard schema of Grafana 11.3; the SDK's own default is newer. */
export const SCHEMA_VERSION = 39

/** Settings of a dashboard that shows the present state. */
export const LIVE_SETTINGS = {
  tags: ['dragonfork', 'webrtc'],
  editable: false,
  graphTooltip: DashboardCursorSync.Crosshair,
  refresh: '30s',
  time: { from: 'now-1h', to: 'now' },
  timezone: 'browser',
  schemaVersion: SCHEMA_VERSION,
}

/** Uid of this dashboard. */
export const HEALTH_UID = 'dragonfork-webrtc-health'

/** Returns the dashboard as the JSON model that Grafana reads from a file. */
export function healthDashboard(link: RunbookLink) {
  return {
    uid: HEALTH_UID,
    title: 'WebRTC Health',
    description:
      'Is the WebRTC stack healthy right now? Generated: do not edit.',
    ...LIVE_SETTINGS,
    templating: { list: [coreVariable(), streamVariable()] },
    annotations: { list: annotations() },
    links: [runbookDashboardLink()],
    panels: layOut([
      verdictRow(link),
      proofRow(link),
      whepRow(link),
      iceRow(link),
      flowRow(link),
      capacityRow(link),
      degradationRow(link),
    ]),
  }
}

// From a family that the exporter also has without a media process.
function coreVariable() {
  return variable(
    'core',
    'Core',
    'label_values(dragonfork_exporter_media_connected, core)',
  ).build()
}

function streamVariable() {
  return variable(
    'stream',
    'Stream',
    `label_values(dragonfork_webrtc_whep_request_duration_seconds_count{${OF_CORE}}, stream_id)`,
  )
    .multi(true)
    .includeAll(true)
    .allValue('.*')
    .current({ selected: true, text: ['All'], value: ['$__all'] })
    .build()
}

function variable(name: string, label: string, query: string) {
  return new QueryVariableBuilder(name)
    .label(label)
    .datasource(PROMETHEUS)
    .query({ query, refId: `variable-${name}` })
    .refresh(VariableRefresh.OnTimeRangeChanged)
    .sort(VariableSort.AlphabeticalAsc)
}

function annotations() {
  return [
    annotation('Leg failures', 'red')
      .expr(
        `increase(dragonfork_webrtc_ffmpeg_leg_failures_total{${OF_STREAM}}[1m]) > 0`,
      )
      .titleFormat('FFmpeg leg failed')
      .textFormat('{{stream_id}} {{leg}}')
      .tagKeys('stream_id,leg'),
    annotation('Media process restarts', 'purple')
      .expr(
        `increase(dragonfork_exporter_media_restarts_total{${OF_CORE}}[1m]) > 0`,
      )
      .titleFormat('Media process restarted')
      .textFormat('{{core}}'),
    annotation('Exporter starts', 'blue')
      .expr(
        'time() - process_start_time_seconds{job="dragonfork-exporter"} < 60',
      )
      .titleFormat('Exporter started')
      .textFormat('{{instance}}'),
  ].map(builder => builder.build())
}

function annotation(name: string, color: string) {
  return new AnnotationQueryBuilder()
    .name(name)
    .datasource(PROMETHEUS)
    .enable(true)
    .iconColor(color)
    .step('60s')
}

/** Returns the link to the runbook in the head of a dashboard. */
export function runbookDashboardLink() {
  return new DashboardLinkBuilder('Runbook')
    .type(DashboardLinkType.Link)
    .url(`/d/${RUNBOOK_UID}/webrtc-runbook`)
    .build()
}
