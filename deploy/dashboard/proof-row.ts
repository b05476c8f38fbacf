import {
  MappingType,
  type ValueMap,
} from '@grafana/grafana-foundation-sdk/dashboard'
import type { Row } from './layout.ts'
import {
  rangeQuery,
  table,
  tableQuery,
  thresholds,
  timeseries,
} from './panels.ts'
import type { RunbookLink } from './runbook.ts'
import { OF_STREAM } from './selectors.ts'

const SUCCESS = `dragonfork_probe_success{${OF_STREAM}}`
const DURATION = `dragonfork_probe_duration_seconds{${OF_STREAM}}`

// Measured from the time of the probe. Only streams that are probed now have a
// row; -1 is one that was not played.
const LAST_PLAYED = `max by (stream_id) (
  time() - max_over_time((timestamp(${SUCCESS}) * (${SUCCESS} == 1))[$__range:1m])
  and ${SUCCESS}
  or 0 * ${SUCCESS} - 1
)`

const FIRST_PICTURE = `max by (stream_id) (
  sum by (core, stream_id) (${DURATION})
  and on (core, stream_id) ${SUCCESS} == 1
)`

const LAST_FIRST_PICTURE = `last_over_time((
${FIRST_PICTURE}
)[$__range:1m])
and on (stream_id) ${SUCCESS}`

const NOT_PLAYED: ValueMap = {
  type: MappingType.ValueToText,
  options: { '-1': { text: 'Not in this time', color: 'red', index: 0 } },
}

/** Whether the streams can be played, also without viewers. */
export function proofRow(link: RunbookLink): Row {
  const runbook = link('WebRTCProbeFailing')
  return {
    title: 'Proof without viewers',
    height: 8,
    panels: [
      {
        width: 11,
        panel: table({
          title: 'Proof',
          description:
            'The exporter plays each running stream once a minute, as a ' +
            'viewer does. When it last succeeded within the time range, and ' +
            'how long the first picture took then. An age of several minutes ' +
            'means that the stream fails, or that its probes were busy.',
          runbook,
        })
          .withTarget(tableQuery(LAST_PLAYED))
          .withTarget(tableQuery(LAST_FIRST_PICTURE))
          .withTransformation({ id: 'merge', options: {} })
          .withTransformation({
            id: 'organize',
            options: {
              excludeByName: { Time: true },
              renameByName: {
                stream_id: 'stream',
                'Value #A': 'last played, ago',
                'Value #B': 'first picture after',
              },
            },
          })
          .unit('s')
          .overrideByName('last played, ago', [
            { id: 'mappings', value: [NOT_PLAYED] },
            {
              id: 'thresholds',
              value: thresholds(
                'green',
                { value: 135, color: 'orange' },
                { value: 315, color: 'red' },
              ).build(),
            },
            { id: 'custom.cellOptions', value: { type: 'color-text' } },
          ])
          .noValue('No probes: EXPORTER_PROBE_URL is off, or no stream runs'),
      },
      {
        width: 13,
        panel: timeseries({
          title: 'Time to the first picture',
          description:
            'From the offer until the first key frame has arrived. It ' +
            'includes the wait for a key frame: up to the distance of the ' +
            'key frames of the stream. A gap is a probe that failed.',
          runbook,
        })
          .withTarget(rangeQuery(FIRST_PICTURE, '{{stream_id}}'))
          .unit('s')
          .noValue('No probes'),
      },
    ],
  }
}
