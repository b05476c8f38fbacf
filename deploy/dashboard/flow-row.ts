import type { Row } from './layout.ts'
import {
  instantQuery,
  rangeQuery,
  stat,
  table,
  tableQuery,
  thresholds,
  timeseries,
} from './panels.ts'
import type { RunbookLink } from './runbook.ts'
import { OF_CORE, OF_STREAM } from './selectors.ts'

const PEERS = `dragonfork_webrtc_active_peers{${OF_STREAM}}`

/** Which streams run, and how many viewers do they have? */
export function flowRow(link: RunbookLink): Row {
  const runbook = link('Nothing is flowing')
  return {
    title: "What's flowing",
    height: 8,
    panels: [
      {
        width: 5,
        panel: stat({
          title: 'Active streams',
          description:
            'Running processes with webrtc.enabled. If there are fewer than ' +
            'you started, look at their state and report.',
          runbook,
        })
          .withTarget(
            instantQuery(
              `dragonfork_webrtc_active_streams{${OF_CORE}}`,
              'streams',
            ),
          )
          .decimals(0)
          .noValue('Not reported')
          .thresholds(thresholds('blue', { value: 1, color: 'green' })),
      },
      {
        width: 11,
        panel: timeseries({
          title: 'Viewers per stream',
          description:
            'Sessions that were answered and have not ended. A line ends ' +
            'when the stream is removed or the media process is not ' +
            'connected. If all lines drop at once, check the network of the ' +
            'box.',
          runbook,
        })
          .withTarget(
            rangeQuery(`sum by (stream_id) (${PEERS})`, '{{stream_id}}'),
          )
          .decimals(0)
          .noValue('No streams'),
      },
      {
        width: 8,
        panel: table({
          title: 'Top 5 streams by viewers',
          description:
            'At the end of the time range. Raise a cap before a stream ' +
            'reaches it.',
          runbook: link('Caps and ports'),
        })
          .withTarget(tableQuery(`topk(5, sum by (stream_id) (${PEERS}))`))
          .withTransformation({
            id: 'organize',
            options: {
              excludeByName: { Time: true },
              renameByName: { stream_id: 'stream', Value: 'viewers' },
            },
          })
          .decimals(0)
          .noValue('No streams'),
      },
    ],
  }
}
