/** The first line of a core: OK, or the worst condition. */
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
import { OF_CORE } from './selectors.ts'

/** The cores that a dashboard judges. */
export interface Cores {
  /** Label matcher of their series, without braces. */
  readonly of: string
  /**
   * PromQL with one sample per core, labelled `core`, of any value. It also has
   * the cores without any metrics.
   */
  readonly known: string
}

/** A state of a core that the first line shows while `when` has samples. */
interface Condition {
  readonly text: string
  readonly color: 'red' | 'orange' | 'blue'
  /**
   * Returns PromQL with samples labelled `core`, of any value, for the cores in
   * this state.
   */
  readonly when: (cores: Cores) => string
}

const firing =
  (alert: string) =>
  ({ of }: Cores) =>
    `ALERTS{alertname="${alert}",alertstate="firing",${of}}`

const JOB = 'job="dragonfork-exporter"'

/** The core that a dashboard with the variable shows, with metrics or not. */
const THE_CORE: Cores = {
  of: OF_CORE,
  known: 'label_replace(vector(1), "core", "$core", "", "")',
}

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

const degradedStreams =
  (reason = '') =>
  ({ of }: Cores) =>
    `dragonfork_exporter_degraded_streams{${of}${reason}} > 0`

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
    // `up` has the label `core` only where the targets have it, as in a fleet.
    when: ({ of, known }) =>
      `${known} and on (core) (max by (core) (up{${JOB},${of}}) == 0)\n` +
      `or ${known} unless on () (up{${JOB}} == 1)`,
  },
  {
    // Only another box is scraped, or CORE_ID was changed.
    text: 'No metrics of this core',
    color: 'red',
    when: ({ of, known }) =>
      `${known} unless on (core) dragonfork_exporter_media_connected{${of}}`,
  },
  {
    text: 'Media process not connected',
    color: 'red',
    when: ({ of }) => `dragonfork_exporter_media_connected{${of}} == 0`,
  },
  {
    text: 'Media process silent',
    color: 'red',
    when: ({ of }) =>
      `time() - dragonfork_exporter_last_snapshot_timestamp_seconds{${of}} > 30`,
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
    when: ({ of }) => `dragonfork_webrtc_udp_ports_available{${of}} < 10`,
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
    when: ({ of }) => `dragonfork_exporter_draining{${of}} == 1`,
  },
  {
    text: 'No stream is running',
    color: 'blue',
    // One that starts on demand need not run.
    when: ({ of }) =>
      `dragonfork_webrtc_active_streams{${of}} == 0 unless on (core) ` +
      `dragonfork_exporter_asleep_streams{${of}} > 0`,
  },
]

/**
 * Returns PromQL for the rank of the worst condition of each core, from 1, or 0
 * if there is none. The operands have only the label `core`, so `or` keeps the
 * first one that a core has.
 */
export function verdictByCore(cores: Cores): string {
  const ranked = CONDITIONS.map(
    ({ when }, index) => `max by (core) (${when(cores)}) * 0 + ${index + 1}`,
  )
  return [...ranked, `0 * ${cores.known}`].join('\nor ')
}

/** Returns the text of the first line for a result of `verdictByCore`. */
export function verdictText(rank: number): string {
  return rank === 0 ? 'OK' : (CONDITIONS[rank - 1]?.text ?? 'No data')
}

/** Returns text and colour for each result of `verdictByCore`. */
export function verdictTexts(): ValueMap {
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
          .withTarget(
            instantQuery(`max(\n${verdictByCore(THE_CORE)}\n)`, 'verdict'),
          )
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
