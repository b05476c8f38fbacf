/** The first line of the dashboard: OK, or the worst condition. */
import {
  BigValueColorMode,
  BigValueTextMode,
} from '@grafana/grafana-foundation-sdk/common'
import {
  MappingType,
  type ValueMap,
  type ValueMappingResult,
} from '@grafana/grafana-foundation-sdk/dashboard'
import {
  DEGRADED_REASONS,
  type DegradedReason,
} from '../../shared/protocol/degraded.ts'
import type { Row } from './layout.ts'
import { instantQuery, stat, table, tableQuery, thresholds } from './panels.ts'
import type { RunbookLink } from './runbook.ts'

/** A state of the box that the first line shows while `when` has samples. */
interface Condition {
  readonly text: string
  readonly color: 'red' | 'orange' | 'blue'
  /** PromQL that returns samples, of any value, while the condition holds. */
  readonly when: string
}

const firing = (alert: string) =>
  `ALERTS{alertname="${alert}",alertstate="firing",core="$core"}`

/** The text for each reason why a stream is degraded. */
const DEGRADED = {
  'worker-frozen': { text: 'A media worker is frozen', color: 'red' },
  'leg-failed': { text: 'A stream lacks video or audio', color: 'red' },
  codec: { text: 'Browsers cannot play a copied codec', color: 'red' },
  'payload-type': { text: 'Wrong RTP payload type', color: 'red' },
  'standing-picture': {
    text: 'The picture of a stream is frozen',
    color: 'red',
  },
  slow: { text: 'A stream is slower than real time', color: 'red' },
  'no-key-frames': { text: 'A stream has no key frames', color: 'red' },
  timestamps: { text: 'Timestamps of a stream jump', color: 'red' },
  fast: { text: 'A stream is faster than real time', color: 'red' },
  'b-frames': { text: 'A stream has B-frames', color: 'red' },
  'pixel-format': {
    text: 'Browsers cannot decode a pixel format',
    color: 'red',
  },
  'sparse-key-frames': { text: 'Key frames are far apart', color: 'orange' },
  loss: { text: 'RTP packets are lost on the way in', color: 'orange' },
} as const satisfies Record<DegradedReason, Pick<Condition, 'text' | 'color'>>

const degradedStreams = (reason = '') =>
  `dragonfork_exporter_degraded_streams{core="$core"${reason}} > 0`

const degradedConditions = (color: Condition['color']) =>
  DEGRADED_REASONS.filter(reason => DEGRADED[reason].color === color).map(
    reason => ({
      ...DEGRADED[reason],
      when: degradedStreams(`,reason="${reason}"`),
    }),
  )

/** Worst first: what hides everything else, then what all viewers notice. */
const CONDITIONS: readonly Condition[] = [
  {
    text: 'No metrics: exporter down',
    color: 'red',
    when: 'absent(up{job="dragonfork-exporter"} == 1)',
  },
  {
    // Only another box is scraped, or CORE_ID was changed.
    text: 'No metrics of this core',
    color: 'red',
    when: 'absent(dragonfork_exporter_media_connected{core="$core"})',
  },
  {
    text: 'Media process not connected',
    color: 'red',
    when: 'dragonfork_exporter_media_connected{core="$core"} == 0',
  },
  {
    text: 'Media process silent',
    color: 'red',
    when:
      'time() - ' +
      'dragonfork_exporter_last_snapshot_timestamp_seconds{core="$core"} > 30',
  },
  {
    text: 'FFmpeg leg failed',
    color: 'red',
    when: firing('WebRTCFFmpegLegFailure'),
  },
  // These name the cause of a failed probe.
  ...degradedConditions('red'),
  {
    text: 'A stream cannot be played',
    color: 'red',
    when: firing('WebRTCProbeFailing'),
  },
  ...degradedConditions('orange'),
  {
    // The reason is one that only a newer media process knows.
    text: 'A stream is degraded',
    color: 'red',
    when: degradedStreams(),
  },
  {
    text: 'UDP ports are running out',
    color: 'red',
    when: 'dragonfork_webrtc_udp_ports_available{core="$core"} < 10',
  },
  {
    text: 'ICE failures',
    color: 'orange',
    when: firing('WebRTCICEFailureRateHigh'),
  },
  {
    text: 'WHEP errors',
    color: 'orange',
    when: firing('WebRTCWHEPErrorRateHigh'),
  },
  {
    text: 'ICE slow',
    color: 'orange',
    when: firing('WebRTCICEEstablishmentSlow'),
  },
  {
    text: 'Counters frozen: state not written',
    color: 'orange',
    when: firing('WebRTCStateNotKept'),
  },
  {
    text: 'Counters too low: observations lost',
    color: 'orange',
    when: firing('WebRTCObservationsLost'),
  },
  {
    text: 'Counters too low: observations rejected',
    color: 'orange',
    when: firing('WebRTCObservationsRejected'),
  },
  {
    text: 'More streams than EXPORTER_MAX_STREAMS',
    color: 'orange',
    when: firing('WebRTCSeriesRejected'),
  },
  {
    text: 'Draining: no new viewers',
    color: 'blue',
    when: 'dragonfork_exporter_draining{core="$core"} == 1',
  },
  {
    text: 'No stream is running',
    color: 'blue',
    // One that starts on demand need not run.
    when:
      'dragonfork_webrtc_active_streams{core="$core"} == 0 unless on (core) ' +
      'dragonfork_exporter_asleep_streams{core="$core"} > 0',
  },
]

/**
 * Returns PromQL for the rank of the worst condition, from 1, or 0 if there is
 * none. The operands have no labels, so `or` keeps the first one that exists.
 */
export function verdictQuery(): string {
  const ranked = CONDITIONS.map(
    ({ when }, index) => `max(${when}) * 0 + ${index + 1}`,
  )
  return [...ranked, 'vector(0)'].join('\nor ')
}

/** Returns the text of the first line for a result of `verdictQuery`. */
export function verdictText(rank: number): string {
  return rank === 0 ? 'OK' : (CONDITIONS[rank - 1]?.text ?? 'No data')
}

function verdictTexts(): ValueMap {
  const options: Record<string, ValueMappingResult> = {
    '0': { text: verdictText(0), color: 'green', index: 0 },
  }
  CONDITIONS.forEach(({ color }, index) => {
    const rank = index + 1
    options[String(rank)] = { text: verdictText(rank), color, index: rank }
  })
  return { type: MappingType.ValueToText, options }
}

const HIDDEN_COLUMNS = [
  'Time',
  'Value',
  '__name__',
  'alertstate',
  'core',
  'job',
]

/** The first line, and the table of firing alerts. */
export function verdictRow(link: RunbookLink): Row {
  return {
    height: 5,
    panels: [
      {
        width: 10,
        panel: stat({
          title: 'Is WebRTC healthy right now?',
          description:
            'OK, or the worst condition. Firing alerts are listed on the ' +
            'right; the runbook has a section for each. ' +
            '/api/v3/webrtc/streams shows which stream is degraded, and why.',
          runbook: link('The first line'),
        })
          .withTarget(instantQuery(verdictQuery(), 'verdict'))
          .mappings([verdictTexts()])
          .thresholds(thresholds('green', { value: 1, color: 'red' }))
          .noValue('Prometheus does not respond')
          .textMode(BigValueTextMode.Value)
          .colorMode(BigValueColorMode.Background),
      },
      {
        width: 14,
        panel: table({
          title: 'Alerts firing',
          description:
            'Empty is good. Each alert has a section of its name in the ' +
            'runbook. An alert fires when its condition has held for the ' +
            'duration in its rule.',
          runbook: link('WebRTCMediaNotConnected'),
        })
          .withTarget(
            tableQuery('ALERTS{alertstate="firing",core=~"$core|"} == 1'),
          )
          .withTransformation({
            id: 'organize',
            options: {
              excludeByName: Object.fromEntries(
                HIDDEN_COLUMNS.map(name => [name, true]),
              ),
              renameByName: { alertname: 'alert', stream_id: 'stream' },
            },
          })
          .noValue('No alert is firing'),
      },
    ],
  }
}
