import {
  MappingType,
  SpecialValueMatch,
  type SpecialValueMap,
} from '@grafana/grafana-foundation-sdk/dashboard'
import type { Row } from './layout.ts'
import {
  gauge,
  instantQuery,
  rangeQuery,
  table,
  tableQuery,
  thresholdLines,
  thresholds,
  timeseries,
} from './panels.ts'
import type { RunbookLink } from './runbook.ts'
import { OF_STREAM } from './selectors.ts'

const ESTABLISHMENT = 'dragonfork_webrtc_ice_establishment_duration_seconds'

// Viewers are rare events: a rate over one or two scrapes is mostly 0/0.
const shareOf = (result: 'connected' | 'failed') =>
  `sum(increase(${ESTABLISHMENT}_count{${OF_STREAM},result="${result}"}[10m]))
/ sum(increase(${ESTABLISHMENT}_count{${OF_STREAM}}[10m]))`

const quantile = (q: number, by: string) =>
  `histogram_quantile(${q}, sum by (le${by}) (
  rate(${ESTABLISHMENT}_bucket{${OF_STREAM}}[10m])
))`

const FAILURES = `sort_desc(sum by (reason) (
  increase(dragonfork_webrtc_ice_failures_total{${OF_STREAM}}[$__range])
))`

const NO_VIEWERS: SpecialValueMap = {
  type: MappingType.SpecialValue,
  options: {
    match: SpecialValueMatch.NullAndNan,
    result: { text: 'No viewers', color: 'text', index: 0 },
  },
}

/** Do accepted viewers connect, and how fast? */
export function iceRow(link: RunbookLink): Row {
  return {
    title: 'ICE establishment',
    height: 8,
    panels: [
      {
        width: 7,
        panel: gauge({
          title: 'Success and failure',
          description:
            'Share of viewers that connected in the last ten minutes, and ' +
            'share that failed to. Below 90 %, look at the reasons on the ' +
            'right.',
          runbook: link('WebRTCICEFailureRateHigh'),
        })
          .withTarget(instantQuery(shareOf('connected'), 'Connected'))
          .withTarget(instantQuery(shareOf('failed'), 'Failed'))
          .unit('percentunit')
          .max(1)
          .mappings([NO_VIEWERS])
          .noValue('No viewers')
          .thresholds(
            thresholds(
              'red',
              { value: 0.9, color: 'orange' },
              { value: 0.98, color: 'green' },
            ),
          )
          .overrideByName('Failed', [
            {
              id: 'thresholds',
              value: thresholds(
                'green',
                { value: 0.02, color: 'orange' },
                { value: 0.1, color: 'red' },
              ).build(),
            },
          ]),
      },
      {
        width: 10,
        panel: timeseries({
          title: 'Establishment time',
          description:
            'From the answer until connected or failed. "p95 all" above the ' +
            'line for ten minutes fires the alert. Compare the p95 of ' +
            'connected and failed: a slow network, or viewers that never ' +
            'get through?',
          runbook: link('WebRTCICEEstablishmentSlow'),
        })
          .withTarget(rangeQuery(quantile(0.5, ', result'), 'p50 {{result}}'))
          .withTarget(rangeQuery(quantile(0.95, ', result'), 'p95 {{result}}'))
          .withTarget(rangeQuery(quantile(0.95, ''), 'p95 all'))
          .unit('s')
          .noValue('No viewers')
          .thresholds(thresholds('transparent', { value: 3, color: 'red' }))
          .thresholdsStyle(thresholdLines()),
      },
      {
        width: 7,
        panel: table({
          title: 'Failures by reason',
          description:
            'Viewers lost in the time range. timeout: never connected, check ' +
            'the firewall and the announced addresses. disconnected: was ' +
            'connected, then went silent. failed: DTLS or a media worker.',
          runbook: link('WebRTCICEFailureRateHigh'),
        })
          .withTarget(tableQuery(FAILURES))
          .withTransformation({
            id: 'organize',
            options: {
              excludeByName: { Time: true },
              renameByName: { Value: 'viewers' },
            },
          })
          .decimals(0)
          .noValue('No streams'),
      },
    ],
  }
}
