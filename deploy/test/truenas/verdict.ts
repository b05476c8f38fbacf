/** The dashboard's first line in each state of the box. */
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import { readRunbook } from '../../dashboard/runbook.ts'
import { readAlerts, readBundle, RULE_FILES } from './fixtures/bundle.ts'
import { readVerdict } from './fixtures/dashboard.ts'
import {
  DEGRADED_REASONS,
  OTHER_REASON,
  type DegradedReason,
} from '../../../shared/protocol/degraded.ts'
import { requireProgram, run } from '../../../shared/test/fixtures/program.ts'

/** Values in promtool's notation, by series. */
type Series = Readonly<Record<string, string>>

const LEG = (stream: string) =>
  `dragonfork_webrtc_ffmpeg_leg_failures_total{core="a",stream_id="${stream}",leg="video"}`
const PEERS = (stream: string) =>
  `dragonfork_webrtc_active_peers{core="a",stream_id="${stream}"}`
const DEGRADED = (stream: string, reason = '') =>
  `dragonfork_exporter_degraded_streams{core="a",stream_id="${stream}"` +
  (reason === '' ? '}' : `,reason="${reason}"}`)

const UP = 'up{job="dragonfork-exporter",instance="exporter:9464"}'
const CONNECTED = 'dragonfork_exporter_media_connected{core="a"}'
const SNAPSHOT = 'dragonfork_exporter_last_snapshot_timestamp_seconds{core="a"}'
const STREAMS = 'dragonfork_webrtc_active_streams{core="a"}'
const ASLEEP = 'dragonfork_exporter_asleep_streams{core="a"}'
const DRAINING = 'dragonfork_exporter_draining{core="a"}'
const PORTS = 'dragonfork_webrtc_udp_ports_available{core="a"}'

/** Time at which the query is evaluated. */
const AT = '20m'

/** Alerts on the metrics pipeline: the first line has its own queries. */
const PIPELINE_ALERTS = [
  'WebRTCExporterDown',
  'WebRTCMediaNotConnected',
  'WebRTCSnapshotStale',
]

const HEALTHY: Series = {
  [UP]: '1x80',
  [CONNECTED]: '1x80',
  [SNAPSHOT]: '0+15x80',
  [STREAMS]: '1x80',
  [PORTS]: '900x80',
  [PEERS('live')]: '2x80',
  [LEG('live')]: '0x80',
  [DEGRADED('live')]: '0x80',
}

const PROBE_FAILS: Series = {
  ...HEALTHY,
  'ALERTS{alertname="WebRTCProbeFailing",alertstate="firing",core="a",stream_id="live",reason="no_ice"}':
    '1x80',
}

/** Without a snapshot for the last five minutes, all gauges are absent. */
const NO_SNAPSHOT: Series = {
  [STREAMS]: '1x60 stale',
  [PORTS]: '900x60 stale',
  [PEERS('live')]: '2x60 stale',
  [DEGRADED('live')]: '0x60 stale',
}

const NOT_SCRAPED: Series = {
  ...NO_SNAPSHOT,
  [CONNECTED]: '1x60 stale',
  [SNAPSHOT]: '0+15x60 stale',
  [LEG('live')]: '0x60 stale',
}

const STATES: Readonly<Record<string, readonly [string, Series]>> = {
  'everything is healthy': ['OK', HEALTHY],
  'nothing was ever scraped': ['No metrics: exporter down', {}],
  'the exporter is down': [
    'No metrics: exporter down',
    { ...HEALTHY, ...NOT_SCRAPED, [UP]: '1x60 0x20' },
  ],
  'the exporter is down and the exporter of another box is up': [
    'No metrics of this core',
    {
      ...HEALTHY,
      ...NOT_SCRAPED,
      [UP]: '1x60 0x20',
      'up{job="dragonfork-exporter",instance="other:9464"}': '1x80',
      'dragonfork_exporter_media_connected{core="b"}': '1x80',
    },
  ],
  'CORE_ID was changed': [
    'No metrics of this core',
    {
      [UP]: '1x80',
      'dragonfork_exporter_media_connected{core="b"}': '1x80',
    },
  ],
  'the media process is down or its link is cut': [
    'Media process not connected',
    {
      ...HEALTHY,
      ...NO_SNAPSHOT,
      [CONNECTED]: '1x60 0x20',
      [SNAPSHOT]: '900x80',
    },
  ],
  'the exporter has just started without a media process': [
    'Media process not connected',
    { [UP]: '1x80', [CONNECTED]: '0x80', [SNAPSHOT]: '0x80' },
  ],
  'the media process is connected and sends no snapshots': [
    'Media process silent',
    { ...HEALTHY, ...NO_SNAPSHOT, [SNAPSHOT]: '0+15x60 900x20' },
  ],
  'a leg failed minutes ago and has recovered': [
    'OK',
    { ...HEALTHY, [LEG('live')]: '0x20 1x60' },
  ],
  'a stream is degraded for an unknown reason': [
    'A stream is degraded',
    {
      ...HEALTHY,
      [DEGRADED('cam')]: '0x20 stale',
      [DEGRADED('cam', 'other')]: '_x21 1x60',
    },
  ],
  'a stream is degraded and an older exporter has no reason': [
    'A stream is degraded',
    {
      ...HEALTHY,
      [LEG('cam')]: '0x20 1x60',
      [PEERS('cam')]: '0x80',
      [DEGRADED('cam')]: '0x20 1x60',
    },
  ],
  'a degraded stream has recovered': [
    'OK',
    {
      ...HEALTHY,
      [DEGRADED('cam')]: '0x20 stale _x49 0x10',
      [DEGRADED('cam', 'slow')]: '_x20 1x50 stale',
    },
  ],
  'a degraded stream was deleted': [
    'OK',
    {
      ...HEALTHY,
      [LEG('cam')]: '1x20 stale',
      [DEGRADED('cam', 'leg-failed')]: '1x20 stale',
    },
  ],
  'two streams are degraded, one of them worse': [
    'A stream lacks video or audio',
    {
      ...HEALTHY,
      [DEGRADED('cam', 'loss')]: '1x80',
      [DEGRADED('door', 'leg-failed')]: '1x80',
    },
  ],
  'the media process restarted a minute ago': [
    'OK',
    {
      ...HEALTHY,
      [LEG('live')]: '1x80',
      [PEERS('live')]: '2x70 stale _x3 0x5',
      [STREAMS]: '1x70 stale _x3 1x5',
    },
  ],
  'the exporter got another address a minute ago': [
    'OK',
    {
      ...HEALTHY,
      [LEG('live')]: '1x76 stale',
      [LEG('live').replace('{', '{instance="new",')]: '_x76 1x4',
      [PEERS('live')]: '2x76 stale',
      [PEERS('live').replace('{', '{instance="new",')]: '_x76 2x4',
    },
  ],
  'few ports are left': [
    'UDP ports are running out',
    { ...HEALTHY, [PORTS]: '9x80' },
  ],
  'the media process drains': [
    'Draining: no new viewers',
    { ...HEALTHY, [DRAINING]: '1x80', [STREAMS]: '0x80' },
  ],
  'the media process drains and a leg has failed': [
    'FFmpeg leg failed',
    {
      ...HEALTHY,
      [DRAINING]: '1x80',
      'ALERTS{alertname="WebRTCFFmpegLegFailure",alertstate="firing",core="a"}':
        '1x80',
    },
  ],
  'another box drains': [
    'OK',
    { ...HEALTHY, 'dragonfork_exporter_draining{core="b"}': '1x80' },
  ],
  'no stream runs': ['No stream is running', { ...HEALTHY, [STREAMS]: '0x80' }],
  'all streams are asleep': [
    'OK',
    { ...HEALTHY, [STREAMS]: '0x80', [ASLEEP]: '2x80' },
  ],
  'no stream runs and none is asleep': [
    'No stream is running',
    { ...HEALTHY, [STREAMS]: '0x80', [ASLEEP]: '0x80' },
  ],
  'no stream runs and one of another box is asleep': [
    'No stream is running',
    {
      ...HEALTHY,
      [STREAMS]: '0x80',
      'dragonfork_exporter_asleep_streams{core="b"}': '1x80',
    },
  ],
  'a stream failed to start on demand and is asleep again': [
    'OK',
    {
      ...HEALTHY,
      [STREAMS]: '0x80',
      [ASLEEP]: '1x80',
      [LEG('cam')]: '0x20 1x60',
      [DEGRADED('cam')]: '0x20 stale _x9 0x60',
      [DEGRADED('cam', 'leg-failed')]: '_x20 1x9 stale',
    },
  ],
  'a stream cannot be played': ['A stream cannot be played', PROBE_FAILS],
  'a stream cannot be played, and another has no key frames': [
    'A stream has no key frames',
    { ...PROBE_FAILS, [DEGRADED('cam', 'no-key-frames')]: '1x80' },
  ],
  'a stream cannot be played, and another loses packets': [
    'A stream cannot be played',
    { ...PROBE_FAILS, [DEGRADED('cam', 'loss')]: '1x80' },
  ],
  'a stream cannot be played, and no other runs': [
    'A stream cannot be played',
    { ...PROBE_FAILS, [STREAMS]: '0x80' },
  ],
  'an alert of another box is firing': [
    'OK',
    {
      ...HEALTHY,
      'ALERTS{alertname="WebRTCFFmpegLegFailure",alertstate="firing",core="b"}':
        '1x80',
    },
  ],
  'an alert is pending': [
    'OK',
    {
      ...HEALTHY,
      'ALERTS{alertname="WebRTCICEFailureRateHigh",alertstate="pending",core="a"}':
        '1x80',
    },
  ],
}

/** The text for each reason why a stream is degraded. */
const REASON_TEXTS = {
  'worker-frozen': 'A media worker is frozen',
  'leg-failed': 'A stream lacks video or audio',
  codec: 'Browsers cannot play a copied codec',
  'payload-type': 'Wrong RTP payload type',
  'no-key-frames': 'A stream has no key frames',
  timestamps: 'Timestamps of a stream jump',
  'standing-picture': 'The picture of a stream is frozen',
  slow: 'A stream is slower than real time',
  fast: 'A stream is faster than real time',
  'b-frames': 'A stream has B-frames',
  'pixel-format': 'Browsers cannot decode a pixel format',
  'sparse-key-frames': 'Key frames are far apart',
  loss: 'RTP packets are lost on the way in',
} as const satisfies Record<DegradedReason, string>

const { expr, texts } = await readVerdict()

/** Returns the text of the first line at `AT` for these series. */
async function verdictOn(series: Series, dir: string): Promise<string> {
  const file = join(dir, 'verdict.test.yml')
  const test = {
    interval: '15s',
    input_series: Object.entries(series).map(([name, values]) => ({
      series: name,
      values,
    })),
    // Wrong on purpose: promtool prints a value only if it is unexpected.
    promql_expr_test: [
      {
        expr: expr.replaceAll('$core', 'a'),
        eval_time: AT,
        exp_samples: [{ labels: '{}', value: -1 }],
      },
    ],
  }
  // JSON is YAML.
  await writeFile(file, JSON.stringify({ tests: [test] }))
  const { output } = await run('promtool', ['test', 'rules', file])
  const value = /got:\s*\{\} (\S+)/.exec(output)?.[1]
  if (value === undefined) throw new Error(`No value in: ${output}`)
  return texts.get(Number(value)) ?? `No text for ${value}`
}

t.test('the runbook lists each reason with its text, worst first', async t => {
  const section = readRunbook(await readBundle('README.md')).find(
    ({ title }) => title === 'A stream is degraded',
  )
  const [, ...rows] = [
    ...(section?.text ?? '').matchAll(/^\| (.*?) \| `(.*?)` \|/gm),
  ].map(([, text, reason]) => [text, reason])
  t.strictSame(rows, [
    ...DEGRADED_REASONS.map(reason => [REASON_TEXTS[reason], reason]),
    ['A stream is degraded', OTHER_REASON],
  ])
})

t.test('the first line', { jobs: 2 }, async t => {
  if (requireProgram(t, 'promtool') === undefined) return
  for (const [state, [text, series]] of Object.entries(STATES)) {
    t.test(`is "${text}" when ${state}`, async t => {
      t.equal(await verdictOn(series, t.testdir()), text)
    })
  }

  for (const reason of DEGRADED_REASONS) {
    t.test(`is "${REASON_TEXTS[reason]}" for the reason ${reason}`, async t => {
      const series = { ...HEALTHY, [DEGRADED('cam', reason)]: '_x70 1x10' }
      t.equal(await verdictOn(series, t.testdir()), REASON_TEXTS[reason])
    })
  }

  const alerts = (await Promise.all(RULE_FILES.map(readAlerts))).flat()
  for (const { alert } of alerts) {
    if (PIPELINE_ALERTS.includes(alert)) continue
    t.test(`is not OK while ${alert} is firing`, async t => {
      const firing = `ALERTS{alertname="${alert}",alertstate="firing",core="a"}`
      const series = { ...HEALTHY, [firing]: '1x80' }
      t.not(await verdictOn(series, t.testdir()), 'OK')
    })
  }
})
