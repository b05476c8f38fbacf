import type { Row } from './layout.ts'
import { gauge, rangeQuery, stacked, thresholds, timeseries } from './panels.ts'
import type { RunbookLink } from './runbook.ts'
import { OF_CORE, OF_STREAM } from './selectors.ts'

const REJECTIONS = `sum by (scope) (
  rate(dragonfork_webrtc_cap_rejections_total{${OF_STREAM}}[$__rate_interval])
)`

/** How many more viewers does the box have room for? */
export function capacityRow(link: RunbookLink): Row {
  const runbook = link('Caps and ports')
  return {
    title: 'Capacity headroom',
    height: 8,
    panels: [
      {
        width: 6,
        panel: gauge({
          title: 'UDP ports available',
          description:
            'A viewer takes one port, a stream with video and audio eight. ' +
            'Below 10 the next stream may not start: widen the pool. The ' +
            'gauge ends at the maximum in the time range.',
          runbook,
        })
          .withTarget(
            rangeQuery(
              `dragonfork_webrtc_udp_ports_available{${OF_CORE}}`,
              'available',
            ),
          )
          .decimals(0)
          .noValue('Not reported')
          .thresholds(
            thresholds(
              'red',
              { value: 10, color: 'orange' },
              { value: 50, color: 'green' },
            ),
          ),
      },
      {
        width: 9,
        panel: timeseries({
          title: 'UDP ports in use',
          description:
            'Rises and falls with streams and viewers. If it only rises, ' +
            'ports leak: report a bug, with the log of the container core.',
          runbook,
        })
          .withTarget(
            rangeQuery(
              `dragonfork_webrtc_udp_ports_in_use{${OF_CORE}}`,
              'in use',
            ),
          )
          .decimals(0)
          .noValue('Not reported'),
      },
      {
        width: 9,
        panel: stacked({
          title: 'Cap rejections',
          description:
            'Viewers rejected with 503. global: raise ' +
            'CORE_WEBRTC_MAX_PEERS_TOTAL. stream: raise ' +
            'CORE_WEBRTC_MAX_PEERS_PER_STREAM.',
          runbook,
        })
          .withTarget(rangeQuery(REJECTIONS, '{{scope}}'))
          .unit('reqps')
          .noValue('No streams'),
      },
    ],
  }
}
