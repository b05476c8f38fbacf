/** The first line of the dashboard: OK, or the worst of what is wrong. */
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

/** Something that is wrong while `when` has samples. */
interface Problem {
  readonly says: string
  readonly color: 'red' | 'orange' | 'blue'
  /** PromQL that gives samples, of any value, while it is so. */
  readonly when: string
}

const firing = (alert: string) =>
  `ALERTS{alertname="${alert}",alertstate="firing",core="$core"}`

/** What the first line says of each reason. */
const DEGRADED = {
  'worker-frozen': { says: 'A media worker hangs', color: 'red' },
  'leg-failed': { says: 'A stream lacks picture or sound', color: 'red' },
  codec: { says: 'A copied input is of a wrong codec', color: 'red' },
  'payload-type': { says: 'RTP of a wrong payload type', color: 'red' },
  'standing-picture': { says: 'The picture of a stream stands', color: 'red' },
  slow: { says: 'A stream is slower than real time', color: 'red' },
  'no-key-frames': { says: 'A stream has no key frames', color: 'red' },
  timestamps: { says: 'Timestamps of a stream run wild', color: 'red' },
  fast: { says: 'A stream is faster than real time', color: 'red' },
  'b-frames': { says: 'A stream has B-frames', color: 'red' },
  'pixel-format': {
    says: 'Pictures that browsers cannot decode',
    color: 'red',
  },
  'sparse-key-frames': { says: 'Key frames are far apart', color: 'orange' },
  loss: { says: 'Packets are lost before a stream', color: 'orange' },
} as const satisfies Record<DegradedReason, Pick<Problem, 'says' | 'color'>>

const degradedStreams = (reason = '') =>
  `dragonfork_exporter_degraded_streams{core="$core"${reason}} > 0`

/** Worst first: what makes the rest blind, then what all viewers feel. */
const PROBLEMS: readonly Problem[] = [
  {
    says: 'No metrics: exporter down',
    color: 'red',
    when: 'absent(up{job="dragonfork-exporter"} == 1)',
  },
  {
    // Another box's exporter may be up, or CORE_ID was changed.
    says: 'No metrics of this core',
    color: 'red',
    when: 'absent(dragonfork_exporter_media_connected{core="$core"})',
  },
  {
    says: 'Media process not connected',
    color: 'red',
    when: 'dragonfork_exporter_media_connected{core="$core"} == 0',
  },
  {
    says: 'Media process silent',
    color: 'red',
    when:
      'time() - ' +
      'dragonfork_exporter_last_snapshot_timestamp_seconds{core="$core"} > 30',
  },
  {
    says: 'FFmpeg leg failed',
    color: 'red',
    when: firing('WebRTCFFmpegLegFailure'),
  },
  ...DEGRADED_REASONS.map(reason => ({
    ...DEGRADED[reason],
    when: degradedStreams(`,reason="${reason}"`),
  })),
  {
    // For a reason that only a newer media process knows.
    says: 'A stream is degraded',
    color: 'red',
    when: degradedStreams(),
  },
  {
    says: 'UDP ports run out',
    color: 'red',
    when: 'dragonfork_webrtc_udp_ports_available{core="$core"} < 10',
  },
  {
    says: 'ICE failures',
    color: 'orange',
    when: firing('WebRTCICEFailureRateHigh'),
  },
  {
    says: 'WHEP errors',
    color: 'orange',
    when: firing('WebRTCWHEPErrorRateHigh'),
  },
  {
    says: 'ICE slow',
    color: 'orange',
    when: firing('WebRTCICEEstablishmentSlow'),
  },
  {
    says: 'Numbers stand still: state not kept',
    color: 'orange',
    when: firing('WebRTCStateNotKept'),
  },
  {
    says: 'Numbers too small: observations lost',
    color: 'orange',
    when: firing('WebRTCObservationsLost'),
  },
  {
    says: 'Numbers too small: observations rejected',
    color: 'orange',
    when: firing('WebRTCObservationsRejected'),
  },
  {
    says: 'More streams than EXPORTER_MAX_STREAMS',
    color: 'orange',
    when: firing('WebRTCSeriesRejected'),
  },
  {
    says: 'No stream is running',
    color: 'blue',
    when: 'dragonfork_webrtc_active_streams{core="$core"} == 0',
  },
]

/**
 * The number of the worst problem, from 1; 0 when there is none. Sums without
 * labels are all alike, so `or` takes the first that is there.
 */
export function verdictQuery(): string {
  const ranked = PROBLEMS.map(
    ({ when }, index) => `max(${when}) * 0 + ${index + 1}`,
  )
  return [...ranked, 'vector(0)'].join('\nor ')
}

function verdictTexts(): ValueMap {
  const options: Record<string, ValueMappingResult> = {
    '0': { text: 'OK', color: 'green', index: 0 },
  }
  PROBLEMS.forEach(({ says, color }, index) => {
    const rank = index + 1
    options[String(rank)] = { text: says, color, index: rank }
  })
  return { type: MappingType.ValueToText, options }
}

const HIDDEN = ['Time', 'Value', '__name__', 'alertstate', 'core', 'job']

/** The verdict, and beside it the alerts that fire. */
export function verdictRow(link: RunbookLink): Row {
  return {
    height: 5,
    panels: [
      {
        width: 10,
        panel: stat({
          title: 'Is WebRTC healthy right now?',
          description:
            'OK, or the worst of what is wrong. Alerts that fire are listed ' +
            'on the right; the runbook has a section for each. Which stream ' +
            'is degraded, and why, is in /api/v3/webrtc/streams.',
          runbook: link('The first line'),
        })
          .withTarget(instantQuery(verdictQuery(), 'verdict'))
          .mappings([verdictTexts()])
          .thresholds(thresholds('green', { value: 1, color: 'red' }))
          .noValue('Prometheus does not answer')
          .textMode(BigValueTextMode.Value)
          .colorMode(BigValueColorMode.Background),
      },
      {
        width: 14,
        panel: table({
          title: 'Alerts firing',
          description:
            'Empty is good. Look the name up in the runbook. An alert fires ' +
            'once its condition has held for the time its rule says.',
          runbook: link('WebRTCMediaNotConnected'),
        })
          .withTarget(
            tableQuery('ALERTS{alertstate="firing",core=~"$core|"} == 1'),
          )
          .withTransformation({
            id: 'organize',
            options: {
              excludeByName: Object.fromEntries(HIDDEN.map(n => [n, true])),
              renameByName: { alertname: 'alert', stream_id: 'stream' },
            },
          })
          .noValue('No alert fires'),
      },
    ],
  }
}
