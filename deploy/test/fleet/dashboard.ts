/** The Fleet dashboard and the rules with three cores: nothing adds up two. */
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import { requireProgram, run } from '../../../shared/test/fixtures/program.ts'
import { BUNDLE, RULE_FILES } from '../truenas/fixtures/bundle.ts'
import {
  FLEET,
  readDashboard,
  readVerdict,
} from '../truenas/fixtures/dashboard.ts'

/** Values in promtool's notation, by series. */
type Series = Readonly<Record<string, string>>

/** A value for each core that has one. */
type ByCore = Readonly<Record<string, number>>

/** Time at which everything is evaluated. */
const AT = '20m'

const [table] = (await readDashboard(FLEET)).panels
const [FIRST_LINE = '', EXPORTER = '', ...COUNTS] = (table?.targets ?? []).map(
  ({ expr }) => expr,
)
const [VIEWERS = '', STREAMS = '', IN_USE = '', PORTS = '', CAPS = ''] = COUNTS
const { expr: HEALTH_FIRST_LINE, texts } = await readVerdict()

/** The series of a healthy core; numbers differ so that sums would show. */
function core(id: string, viewers: number): Series {
  return {
    [`up{job="dragonfork-exporter",core="${id}",instance="${id}:9443"}`]:
      '1x80',
    [`dragonfork_exporter_media_connected{core="${id}"}`]: '1x80',
    [`dragonfork_exporter_last_snapshot_timestamp_seconds{core="${id}"}`]:
      '0+15x80',
    [`dragonfork_exporter_draining{core="${id}"}`]: '0x80',
    [`dragonfork_webrtc_active_streams{core="${id}"}`]: '2x80',
    [`dragonfork_webrtc_udp_ports_in_use{core="${id}"}`]: '20x80',
    [`dragonfork_webrtc_udp_ports_available{core="${id}"}`]: '900x80',
    [`dragonfork_webrtc_active_peers{core="${id}",stream_id="cam"}`]: `${viewers}x80`,
    [`dragonfork_webrtc_active_peers{core="${id}",stream_id="door"}`]: '1x80',
  }
}

/** `series` after its exporter has been down for five minutes. */
function withoutExporter(series: Series): Series {
  return Object.fromEntries(
    Object.entries(series).map(([name, values]) => [
      name,
      name.startsWith('up{') ? '1x60 0x20' : `${values.slice(0, -2)}60 stale`,
    ]),
  )
}

/** `series` after its media process has been gone for five minutes. */
function withoutMedia(series: Series): Series {
  return Object.fromEntries(
    Object.entries(series).map(([name, values]) => {
      if (name.includes('_media_connected')) return [name, '1x60 0x20']
      if (name.includes('_last_snapshot')) return [name, '0+15x60 900x20']
      if (name.startsWith('up{')) return [name, values]
      return [name, `${values.slice(0, -2)}60 stale`]
    }),
  )
}

const A = core('a', 10)
const B = core('b', 20)
const C = core('c', 30)
const WELL: Series = { ...A, ...B, ...C }

/** Runs promtool, which prints what it `got` for each wrong expectation. */
async function promtool(dir: string, test: object): Promise<string> {
  const file = join(dir, 'fleet.test.yml')
  // JSON is YAML.
  await writeFile(file, JSON.stringify(test))
  const { output } = await run('promtool', ['test', 'rules', file])
  return output
}

function inputs(series: Series) {
  return Object.entries(series).map(([name, values]) => ({
    series: name,
    values,
  }))
}

/** The value of `expr` by core; fails if a sample has another label. */
async function evaluate(
  expr: string,
  series: Series,
  dir: string,
): Promise<ByCore> {
  const output = await promtool(dir, {
    tests: [
      {
        interval: '15s',
        input_series: inputs(series),
        promql_expr_test: [
          // Wrong on purpose.
          { expr, eval_time: AT, exp_samples: [{ labels: '{}', value: -1 }] },
        ],
      },
    ],
  })
  const got = /got:(.*)$/s.exec(output)?.[1] ?? ''
  const samples = [...got.matchAll(/\{([^{}]*)\} (-?[\d.E+]+|NaN)/g)]
  return Object.fromEntries(
    samples.map(([, labels = '', value]) => {
      const [, id] = /^core="(\w+)"$/.exec(labels) ?? []
      if (id === undefined) throw new Error(`Not one line per core: ${labels}`)
      return [id, Number(value)]
    }),
  )
}

async function firstLines(series: Series, dir: string) {
  const ranks = await evaluate(FIRST_LINE, series, dir)
  return Object.fromEntries(
    Object.entries(ranks).map(([id, rank]) => [id, texts.get(rank)]),
  )
}

const firing = (alert: string, id: string) =>
  `ALERTS{alertname="${alert}",alertstate="firing",core="${id}",stream_id="cam"}`

const STATES: Readonly<Record<string, readonly [Series, object]>> = {
  'all are well': [WELL, { a: 'OK', b: 'OK', c: 'OK' }],
  'one core is dead': [
    { ...WELL, ...withoutMedia(B) },
    { a: 'OK', b: 'Media process not connected', c: 'OK' },
  ],
  'one exporter is dead': [
    { ...WELL, ...withoutExporter(B) },
    { a: 'OK', b: 'No metrics: exporter down', c: 'OK' },
  ],
  'one exporter has never been reached': [
    {
      ...A,
      ...C,
      'up{job="dragonfork-exporter",core="b",instance="b:9443"}': '0x80',
    },
    { a: 'OK', b: 'No metrics: exporter down', c: 'OK' },
  ],
  'one exporter has another CORE_ID than its target': [
    {
      ...A,
      ...C,
      'up{job="dragonfork-exporter",core="b",instance="b:9443"}': '1x80',
    },
    { a: 'OK', b: 'No metrics of this core', c: 'OK' },
  ],
  'one drains': [
    { ...WELL, 'dragonfork_exporter_draining{core="b"}': '1x80' },
    { a: 'OK', b: 'Draining: no new viewers', c: 'OK' },
  ],
  'two have different faults, one of them two': [
    {
      ...WELL,
      'dragonfork_exporter_draining{core="b"}': '1x80',
      [firing('WebRTCFFmpegLegFailure', 'b')]: '1x80',
      [firing('WebRTCICEFailureRateHigh', 'c')]: '1x80',
    },
    { a: 'OK', b: 'FFmpeg leg failed', c: 'ICE failures' },
  ],
}

t.test('the Fleet dashboard', t => {
  if (requireProgram(t, 'promtool') === undefined) {
    t.end()
    return
  }

  for (const [state, [series, lines]] of Object.entries(STATES)) {
    t.test(`has the first line of each core while ${state}`, async t => {
      t.strictSame(await firstLines(series, t.testdir()), lines)
    })
    t.test(`agrees with WebRTC Health while ${state}`, async t => {
      for (const [id, text] of Object.entries(lines)) {
        const expr = HEALTH_FIRST_LINE.replaceAll('$core', id)
        const labelled = `label_replace(${expr}, "core", "${id}", "", "")`
        const ranks = await evaluate(labelled, series, t.testdir())
        t.equal(texts.get(ranks[id] ?? NaN), text, id)
      }
    })
  }

  t.test('counts each core by itself', async t => {
    const rejections = Object.fromEntries(
      ['a', 'b', 'c'].map((id, index) => [
        `dragonfork_webrtc_cap_rejections_total{core="${id}",stream_id="cam",scope="global"}`,
        `0+${index}x80`,
      ]),
    )
    const of = (expr: string) =>
      evaluate(expr, { ...WELL, ...rejections }, t.testdir())
    t.strictSame(await of(EXPORTER), { a: 1, b: 1, c: 1 })
    t.strictSame(await of(VIEWERS), { a: 11, b: 21, c: 31 })
    t.strictSame(await of(STREAMS), { a: 2, b: 2, c: 2 })
    t.strictSame(await of(IN_USE), { a: 20, b: 20, c: 20 })
    t.strictSame(await of(PORTS), { a: 900, b: 900, c: 900 })
    t.strictSame(await of(CAPS), { a: 0, b: 20, c: 40 })
  })
  t.end()
})

/**
 * Counters that stay below the limit of every rule on each core, and exceed it
 * on three cores together.
 */
function belowEachLimit(id: string): Series {
  const whep = `dragonfork_webrtc_whep_requests_total{core="${id}",route="POST /api/v3/whep/{id}",code="404",stream_id="cam"}`
  const ice = `dragonfork_webrtc_ice_failures_total{core="${id}",stream_id="cam",reason="timeout"}`
  const duration = (le: string) =>
    `dragonfork_webrtc_ice_establishment_duration_seconds_bucket{core="${id}",stream_id="cam",result="success",le="${le}"}`
  return {
    // 0.33 requests and 0.13 failures a second: the limits are 0.5 and 0.2.
    [whep]: '0+5x80',
    [ice]: '0+2x80',
    [duration('3')]: '0+10x80',
    [duration('+Inf')]: '0+10x80',
  }
}

/** Returns the alerts that fire at `AT`, as `name core`. */
async function alertsOn(series: Series, dir: string) {
  const output = await promtool(dir, {
    rule_files: RULE_FILES.map(file => BUNDLE + file),
    evaluation_interval: '15s',
    tests: [
      {
        interval: '15s',
        input_series: inputs(series),
        promql_expr_test: [
          {
            expr: 'group by (alertname, core) (ALERTS{alertstate="firing"})',
            eval_time: AT,
            exp_samples: [{ labels: '{}', value: -1 }],
          },
        ],
      },
    ],
  })
  const got = /got:(.*)$/s.exec(output)?.[1]
  if (got === undefined) throw new Error(`No result in: ${output}`)
  return [...got.matchAll(/alertname="(\w+)"(?:, core="(\w+)")?/g)]
    .map(([, alert = '', id = '-']) => `${alert} ${id}`)
    .sort()
}

t.test('the rules on three cores', t => {
  if (requireProgram(t, 'promtool') === undefined) {
    t.end()
    return
  }

  t.test('do not fire for what is below the limit on each core', async t => {
    const series = ['a', 'b', 'c'].map(belowEachLimit)
    const all = Object.assign({}, WELL, ...series) as Series
    t.strictSame(await alertsOn(all, t.testdir()), [])
  })

  t.test('fire for the core that exceeds the limit alone', async t => {
    const twice = Object.entries(belowEachLimit('b')).map(
      ([name, values]) =>
        [name, values.replace('0+5', '0+15').replace('0+2', '0+6')] as const,
    )
    const all = {
      ...WELL,
      ...belowEachLimit('a'),
      ...Object.fromEntries(twice),
      ...belowEachLimit('c'),
    }
    t.strictSame(await alertsOn(all, t.testdir()), [
      'WebRTCICEFailureRateHigh b',
      'WebRTCWHEPErrorRateHigh b',
    ])
  })

  t.test('fire for one dead exporter and one dead core, by name', async t => {
    const all = { ...A, ...withoutExporter(B), ...withoutMedia(C) }
    t.strictSame(await alertsOn(all, t.testdir()), [
      'WebRTCExporterDown b',
      'WebRTCMediaNotConnected c',
    ])
  })
  t.end()
})
