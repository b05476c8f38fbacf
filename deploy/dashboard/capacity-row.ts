import type { Row } from './layout.ts'
import { gauge, rangeQuery, stacked, thresholds, timeseries } from './panels.ts'
import type { RunbookLink } from './runbook.ts'
import { OF_CORE, OF_STREAM } from './selectors.ts'

const REJECTIONS = `sum by (scope) (
  rate(dragonfork_webrtc_cap_rejections_total{${OF_STREAM}}[$__rate_interval])
)`

/** How many more viewers fit? */
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
            'A viewer takes one, a stream with video and audio eight. Below ' +
            '10 the next stream may not start: widen the pool. The dial ends ' +
            'at the most that were free in the time shown.',
          runbook,
        })
          .withTarget(
            rangeQuery(
              `dragonfork_webrtc_udp_ports_available{${OF_CORE}}`,
              'available',
            ),
          )
          .decimals(0)
          .noValue('Not told')
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
            'Should go up and down with streams and viewers. One that only ' +
            'rises is a leak: tell us, with the log of core.',
          runbook,
        })
          .withTarget(
            rangeQuery(
              `dragonfork_webrtc_udp_ports_in_use{${OF_CORE}}`,
              'in use',
            ),
          )
          .decimals(0)
          .noValue('Not told'),
      },
      {
        width: 9,
        panel: stacked({
          title: 'Cap rejections',
          description:
            'Viewers refused with 503. global: raise ' +
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
