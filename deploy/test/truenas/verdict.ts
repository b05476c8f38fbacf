/** What the dashboard's first line says in each state of the box. */
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import { readAlerts, RULE_FILES } from './fixtures/bundle.ts'
import { readVerdict } from './fixtures/dashboard.ts'
import {
  DEGRADED_REASONS,
  type DegradedReason,
} from '../../../shared/protocol/degraded.ts'
import { requireProgram, run } from '../../../shared/test/fixtures/program.ts'

/** Values, in promtool's notation, by name and labels. */
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
const PORTS = 'dragonfork_webrtc_udp_ports_available{core="a"}'

/** Asked for at this time, after so many scrapes. */
const AT = '20m'

/** Alerts of what makes the numbers end. */
const BLINDING = [
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

/** No gauge of a snapshot has been told for five minutes. */
const UNTOLD: Series = {
  [STREAMS]: '1x60 stale',
  [PORTS]: '900x60 stale',
  [PEERS('live')]: '2x60 stale',
  [DEGRADED('live')]: '0x60 stale',
}

const UNSCRAPED: Series = {
  ...UNTOLD,
  [CONNECTED]: '1x60 stale',
  [SNAPSHOT]: '0+15x60 stale',
  [LEG('live')]: '0x60 stale',
}

const STATES: Readonly<Record<string, readonly [string, Series]>> = {
  'all is well': ['OK', HEALTHY],
  'nothing was ever scraped': ['No metrics: exporter down', {}],
  'the exporter is down': [
    'No metrics: exporter down',
    { ...HEALTHY, ...UNSCRAPED, [UP]: '1x60 0x20' },
  ],
  'the exporter is down, and another box has one that is up': [
    'No metrics of this core',
    {
      ...HEALTHY,
      ...UNSCRAPED,
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
  'the media process is down, or its link is cut': [
    'Media process not connected',
    { ...HEALTHY, ...UNTOLD, [CONNECTED]: '1x60 0x20', [SNAPSHOT]: '900x80' },
  ],
  'the exporter has just started, without a media process': [
    'Media process not connected',
    { [UP]: '1x80', [CONNECTED]: '0x80', [SNAPSHOT]: '0x80' },
  ],
  'the media process is connected and tells nothing': [
    'Media process silent',
    { ...HEALTHY, ...UNTOLD, [SNAPSHOT]: '0+15x60 900x20' },
  ],
  'a leg of one stream failed minutes ago, and the stream runs': [
    'OK',
    { ...HEALTHY, [LEG('live')]: '0x20 1x60' },
  ],
  'a stream is degraded for a reason that is not known': [
    'A stream is degraded',
    {
      ...HEALTHY,
      [DEGRADED('cam')]: '0x20 stale',
      [DEGRADED('cam', 'other')]: '_x21 1x60',
    },
  ],
  'an older exporter gives no reason': [
    'A stream is degraded',
    {
      ...HEALTHY,
      [LEG('cam')]: '0x20 1x60',
      [PEERS('cam')]: '0x80',
      [DEGRADED('cam')]: '0x20 1x60',
    },
  ],
  'a stream was degraded': [
    'OK',
    {
      ...HEALTHY,
      [DEGRADED('cam')]: '0x20 stale _x49 0x10',
      [DEGRADED('cam', 'slow')]: '_x20 1x50 stale',
    },
  ],
  'a degraded stream is deleted': [
    'OK',
    {
      ...HEALTHY,
      [LEG('cam')]: '1x20 stale',
      [DEGRADED('cam', 'leg-failed')]: '1x20 stale',
    },
  ],
  'two streams are degraded, of which one is worse': [
    'A stream lacks picture or sound',
    {
      ...HEALTHY,
      [DEGRADED('cam', 'loss')]: '1x80',
      [DEGRADED('door', 'leg-failed')]: '1x80',
    },
  ],
  'the media process was restarted a minute ago': [
    'OK',
    {
      ...HEALTHY,
      [LEG('live')]: '1x80',
      [PEERS('live')]: '2x70 stale _x3 0x5',
      [STREAMS]: '1x70 stale _x3 1x5',
    },
  ],
  'the exporter was given another address a minute ago': [
    'OK',
    {
      ...HEALTHY,
      [LEG('live')]: '1x76 stale',
      [LEG('live').replace('{', '{instance="new",')]: '_x76 1x4',
      [PEERS('live')]: '2x76 stale',
      [PEERS('live').replace('{', '{instance="new",')]: '_x76 2x4',
    },
  ],
  'few ports are left': ['UDP ports run out', { ...HEALTHY, [PORTS]: '9x80' }],
  'no stream runs': ['No stream is running', { ...HEALTHY, [STREAMS]: '0x80' }],
  'an alert of another box fires': [
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

/** What the first line says of each reason. */
const SAID = {
  'worker-frozen': 'A media worker hangs',
  'leg-failed': 'A stream lacks picture or sound',
  codec: 'A copied input is of a wrong codec',
  'payload-type': 'RTP of a wrong payload type',
  'no-key-frames': 'A stream has no key frames',
  timestamps: 'Timestamps of a stream run wild',
  'standing-picture': 'The picture of a stream stands',
  slow: 'A stream is slower than real time',
  fast: 'A stream is faster than real time',
  'b-frames': 'A stream has B-frames',
  'pixel-format': 'Pictures that browsers cannot decode',
  'sparse-key-frames': 'Key frames are far apart',
  loss: 'Packets are lost before a stream',
} as const satisfies Record<DegradedReason, string>

const { expr, texts } = await readVerdict()

/** What the first line says after `AT` of these series. */
async function verdictOn(series: Series, dir: string): Promise<string> {
  const file = join(dir, 'verdict.test.yml')
  const test = {
    interval: '15s',
    input_series: Object.entries(series).map(([name, values]) => ({
      series: name,
      values,
    })),
    // It is wrong on purpose: promtool tells a value only where it differs.
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
  if (value === undefined) throw new Error(`No answer: ${output}`)
  return texts.get(Number(value)) ?? `No text for ${value}`
}

t.test('the first line', { jobs: 2 }, async t => {
  if (requireProgram(t, 'promtool') === undefined) return
  for (const [state, [says, series]] of Object.entries(STATES)) {
    t.test(`says ${says} when ${state}`, async t => {
      t.equal(await verdictOn(series, t.testdir()), says)
    })
  }

  for (const reason of DEGRADED_REASONS) {
    t.test(`says ${SAID[reason]} of a stream with ${reason}`, async t => {
      const series = { ...HEALTHY, [DEGRADED('cam', reason)]: '_x70 1x10' }
      t.equal(await verdictOn(series, t.testdir()), SAID[reason])
    })
  }

  const alerts = (await Promise.all(RULE_FILES.map(readAlerts))).flat()
  for (const { alert } of alerts) {
    // Those are told at once, by what they are about.
    if (BLINDING.includes(alert)) continue
    t.test(`does not say OK when ${alert} fires`, async t => {
      const firing = `ALERTS{alertname="${alert}",alertstate="firing",core="a"}`
      const series = { ...HEALTHY, [firing]: '1x80' }
      t.not(await verdictOn(series, t.testdir()), 'OK')
    })
  }
})
