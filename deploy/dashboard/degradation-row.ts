import type { Row } from './layout.ts'
import { bars, instantQuery, rangeQuery, stat, thresholds } from './panels.ts'
import type { RunbookLink } from './runbook.ts'
import { OF_STREAM } from './selectors.ts'

const LEG_FAILURES = `sum by (stream_id, leg) (
  increase(dragonfork_webrtc_ffmpeg_leg_failures_total{${OF_STREAM}}[$__rate_interval])
)`

const MISMATCHES = `sum by (kind) (
  increase(dragonfork_webrtc_codec_mismatches_total{${OF_STREAM}}[$__range])
)`

/** What is broken although no request fails? */
export function degradationRow(link: RunbookLink): Row {
  return {
    title: 'Silent degradation',
    height: 8,
    panels: [
      {
        width: 17,
        panel: bars({
          title: 'FFmpeg leg failures',
          description:
            'Each bar: FFmpeg stopped sending the video or audio of a ' +
            'stream. A leg that stays down adds no further bar, so look at ' +
            '/api/v3/webrtc/streams to see whether it has recovered.',
          runbook: link('WebRTCFFmpegLegFailure'),
        })
          .withTarget(rangeQuery(LEG_FAILURES, '{{stream_id}} {{leg}}'))
          .decimals(0)
          .noValue('No streams'),
      },
      {
        width: 7,
        panel: stat({
          title: 'Codec mismatches',
          description:
            'Players rejected with 406 in the time range because they do not ' +
            'support the codec of the stream. Give the stream another codec, ' +
            'or use another browser.',
          runbook: link('Codec mismatches'),
        })
          .withTarget(instantQuery(MISMATCHES, '{{kind}}'))
          .decimals(0)
          .noValue('No streams')
          .thresholds(thresholds('green', { value: 1, color: 'orange' })),
      },
    ],
  }
}
