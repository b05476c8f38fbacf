import t from 'tap'
import type { ShownFamily } from '../../registry/metric-store.ts'
import { labelsText } from '../../registry/series.ts'
import { familyBlocks, headLines, type Block } from '../../web/exposition.ts'
import {
  formatNumber,
  OPEN_METRICS,
  TEXT,
  type Format,
} from '../../web/formats.ts'

function written(family: ShownFamily, format: Format): string {
  const blocks = [...familyBlocks(family, format, [])]
  return blocks.map(({ bytes }) => bytes.toString()).join('')
}

t.test(
  'familyBlocks() drops _total from the family of a counter in OpenMetrics',
  t => {
    const family: ShownFamily = {
      name: 'dragonfork_webrtc_ice_failures_total',
      type: 'counter',
      help: 'Some "help".',
      labels: [],
      startsAtZero: false,
      series: [{ text: 'core="a"', values: [7] }],
    }
    t.equal(
      written(family, TEXT),
      '# HELP dragonfork_webrtc_ice_failures_total Some "help".\n' +
        '# TYPE dragonfork_webrtc_ice_failures_total counter\n' +
        'dragonfork_webrtc_ice_failures_total{core="a"} 7\n',
    )
    t.equal(
      written(family, OPEN_METRICS),
      '# HELP dragonfork_webrtc_ice_failures Some \\"help\\".\n' +
        '# TYPE dragonfork_webrtc_ice_failures counter\n' +
        'dragonfork_webrtc_ice_failures_total{core="a"} 7\n',
    )
    t.end()
  },
)

t.test('familyBlocks() accumulates buckets and formats their bounds', t => {
  const name = 'dragonfork_webrtc_whep_request_duration_seconds'
  const family: ShownFamily = {
    name,
    type: 'histogram',
    help: 'Help.',
    labels: [],
    buckets: [0.5, 1],
    startsAtZero: false,
    series: [{ text: 'core="a"', values: [1, 2, 4, 9.5] }],
  }
  const head = `# HELP ${name} Help.\n# TYPE ${name} histogram\n`
  const page = (one: string) =>
    `${head}${name}_bucket{core="a",le="0.5"} 1\n` +
    `${name}_bucket{core="a",le="${one}"} 3\n` +
    `${name}_bucket{core="a",le="+Inf"} 7\n` +
    `${name}_sum{core="a"} 9.5\n${name}_count{core="a"} 7\n`
  t.equal(written(family, TEXT), page('1'))
  t.equal(written(family, OPEN_METRICS), page('1.0'))
  t.end()
})

/** A family with one series per number. */
function failuresOf(series: ShownFamily['series']): ShownFamily {
  return {
    name: 'dragonfork_webrtc_ice_failures_total',
    type: 'counter',
    help: 'Help.',
    labels: [],
    startsAtZero: false,
    series,
  }
}

t.test('familyBlocks() reuses blocks until one of their series changes', t => {
  const series = Array.from({ length: 300 }, (_, i) => ({
    text: `stream_id="cam-${i}"`,
    values: [i],
  }))
  const blocksOf = (all: ShownFamily['series'], last: readonly Block[]) => [
    ...familyBlocks(failuresOf(all), TEXT, last),
  ]
  const first = blocksOf(series, [])
  t.equal(first.length, 3)
  const same = blocksOf([...series], first)
  t.ok(
    same.every((block, i) => block === first[i]),
    'all are reused',
  )

  const changes = {
    'the last one grew': series.with(299, {
      text: 'stream_id="cam-299"',
      values: [1e6],
    }),
    'the first one is gone': series.slice(1),
    'the last one is gone': series.slice(0, -1),
    'one is new': [...series, { text: 'stream_id="new"', values: [1] }],
    'one is left': series.slice(0, 1),
    'none is left': [],
  }
  for (const [what, all] of Object.entries(changes)) {
    const text = blocksOf(all, first).map(({ bytes }) => bytes.toString())
    t.equal(text.join(''), written(failuresOf(all), TEXT), what)
  }
  const grown = blocksOf(changes['the last one grew'], first)
  t.same(
    grown.map((block, i) => block === first[i]),
    [true, true, false],
    'only the block of the changed series is written again',
  )
  t.end()
})

t.test('HELP and label values are escaped', t => {
  const family = { name: 'a', help: 'one\ntwo\\', type: 'gauge' }
  t.match(headLines(family, TEXT), /^# HELP a one\\ntwo\\\\\n/)
  t.equal(labelsText([['a', 'x\\y"z\n']]), 'a="x\\\\y\\"z\\n"')
  t.end()
})

t.test('formatNumber() writes numbers as Go reads them', t => {
  const written = [0, 1.5, 1e21, NaN, Infinity, -Infinity].map(formatNumber)
  t.same(written, ['0', '1.5', '1e+21', 'NaN', '+Inf', '-Inf'])
  t.end()
})
