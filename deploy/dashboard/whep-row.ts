import type { Row } from './layout.ts'
import {
  instantQuery,
  rangeQuery,
  stacked,
  stat,
  thresholdLines,
  thresholds,
  timeseries,
} from './panels.ts'
import type { RunbookLink } from './runbook.ts'
import { OF_STREAM } from './selectors.ts'

// Counted by the histogram, whose series start at zero; those of
// whep_requests_total cannot, because the set of status codes is open.
const REQUEST_RATE = `sum by (route) (
  rate(dragonfork_webrtc_whep_request_duration_seconds_count{${OF_STREAM}}[$__rate_interval])
)`

const ERROR_RATE = `sum by (code) (
  rate(dragonfork_webrtc_whep_requests_total{${OF_STREAM},code=~"4..|5.."}[$__rate_interval])
)`

const DURATION_P95 = `histogram_quantile(0.95, sum by (le, route) (
  rate(dragonfork_webrtc_whep_request_duration_seconds_bucket{${OF_STREAM}}[$__rate_interval])
))`

/** Do WHEP requests succeed, and how fast? */
export function whepRow(link: RunbookLink): Row {
  const runbook = link('WebRTCWHEPErrorRateHigh')
  return {
    title: 'WHEP API health',
    height: 8,
    panels: [
      {
        width: 6,
        panel: stat({
          title: 'Requests by route',
          description:
            'POST: a viewer joins. DELETE: a viewer leaves. PATCH: an ICE ' +
            'candidate or an ICE restart. Many POSTs and few DELETEs mean ' +
            'that players keep retrying: see "Errors by code".',
          runbook,
        })
          .withTarget(instantQuery(REQUEST_RATE, '{{route}}'))
          .unit('reqps')
          .decimals(2)
          .thresholds(thresholds('text')),
      },
      {
        width: 9,
        panel: stacked({
          title: 'Errors by code',
          description:
            'Requests answered with 4xx or 5xx. The alert fires when one ' +
            'stream is above the line for five minutes; the runbook says ' +
            'what to do about each code.',
          runbook,
        })
          .withTarget(rangeQuery(ERROR_RATE, '{{code}}'))
          .unit('reqps')
          .noValue('No errors')
          .thresholds(thresholds('transparent', { value: 0.5, color: 'red' }))
          .thresholdsStyle(thresholdLines()),
      },
      {
        width: 9,
        panel: timeseries({
          title: 'p95 request duration by route',
          description:
            'One request in twenty takes longer than this. A POST takes ' +
            'tens of milliseconds; more than a second means that the media ' +
            'workers or the CPU are overloaded, or that streams start on demand.',
          runbook,
        })
          .withTarget(rangeQuery(DURATION_P95, '{{route}}'))
          .unit('s')
          .noValue('No requests')
          .thresholds(thresholds('transparent', { value: 1, color: 'orange' }))
          .thresholdsStyle(thresholdLines()),
      },
    ],
  }
}
