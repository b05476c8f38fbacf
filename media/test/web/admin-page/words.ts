/** The words and the order of the operator's page. */
import t from 'tap'
import {
  countWords,
  isOverview,
  worstFirst,
  type Overview,
} from '../../../web/static/admin/overview.js'
import { endings, lastLines } from '../../../web/static/admin/report-lines.js'
import { hashOf, routeOf } from '../../../web/static/admin/route.js'
import {
  boxWords,
  drainWords,
  jobWords,
  legWords,
} from '../../../web/static/admin/stream-words.js'
import { duration, outOf } from '../../../web/static/admin/units.js'

const stream = (
  id: string,
  state: Overview['streams'][number]['state'],
  degraded = false,
) => ({ id, state, degraded })

t.test('streams are sorted worst first, then by id', t => {
  const streams = [
    stream('off', 'stopped'),
    stream('sleeps', 'asleep'),
    stream('b', 'live'),
    stream('a', 'live'),
    stream('poor', 'live', true),
    stream('soon', 'starting'),
    stream('down', 'failed', true),
  ]
  t.same(
    worstFirst(streams).map(({ id }) => id),
    ['down', 'poor', 'soon', 'a', 'b', 'sleeps', 'off'],
  )
  t.equal(
    countWords(streams),
    '1 failed, 1 degraded, 1 starting, 2 live, 1 asleep, 1 stopped',
  )
  t.end()
})

t.test('a page of a proxy is no overview', t => {
  for (const body of [undefined, null, 'page', {}, { streams: 'x' }]) {
    t.equal(isOverview(body), false)
  }
  t.equal(isOverview({ streams: [] }), true)
  t.end()
})

t.test('a leg shows its rate, its silence and the cause of its failure', t => {
  const leg = { state: 'live', codec: 'h264', silent_ms: 10 } as const
  t.equal(
    legWords('video', { ...leg, packets_per_second: 312.4 }),
    'video h264, 312 packets/s',
  )
  t.equal(legWords('video', leg), 'video h264')
  t.equal(
    legWords('audio', { ...leg, codec: 'opus', silent_ms: 9_000 }),
    'audio opus, silent for 9 s',
  )
  t.equal(
    legWords('video', {
      ...leg,
      state: 'failed',
      cause: 'silent',
      silent_ms: 65_000,
    }),
    'video h264, failed (silent), silent for 1 min',
  )
  t.equal(
    legWords('video', { ...leg, state: 'idle', silent_ms: null }),
    'video h264, idle',
  )
  t.end()
})

t.test('FFmpeg shows what is known of it', t => {
  const job = {
    order: 'start',
    exec: 'running',
    speed: 1.014,
    cpu_percent: 12.3,
    memory_bytes: 47_185_920,
  } as const
  t.equal(jobWords(job), '1.01×, 12 % CPU, 45 MB')
  t.equal(jobWords({ ...job, speed: null }), '12 % CPU, 45 MB')
  t.equal(
    jobWords({ ...job, speed: null, cpu_percent: null, memory_bytes: null }),
    'running',
  )
  t.equal(jobWords({ ...job, exec: 'failed' }), 'failed')
  t.equal(jobWords(null), 'external sender')
  t.end()
})

const BOX: Overview = {
  core: { id: 'a', version: '0.2.0' },
  time: 1_000,
  uptime_seconds: 3_700,
  viewers: 3,
  viewers_max: 200,
  drain: { draining: false, since: null, viewers_left: 3, ends_at: null },
  ports: { in_use: 8, total: 200 },
  workers: [{ state: 'running' }, { state: 'running' }],
  exporter: { connected: true, since: 900 },
  streams: [],
}

t.test('a healthy server has no bad words', t => {
  const words = boxWords(BOX)
  t.same(
    words.map(item => item.words),
    [
      '3 of 200 viewers',
      '8 of 200 ports in use',
      '2 media workers',
      'exporter connected',
      'version 0.2.0, up 1 h 1 min',
    ],
  )
  t.notOk(words.some(({ bad }) => bad))
  t.end()
})

t.test('a drain comes first and is no fault', t => {
  const drain = { draining: true, since: 988, viewers_left: 3, ends_at: null }
  const [first] = boxWords({ ...BOX, drain })
  t.same(first, { words: 'draining for 12 s, 3 viewers left', bad: false })
  t.equal(
    drainWords({ ...drain, viewers_left: 1, ends_at: 1_048 }, 1_000),
    'draining for 12 s, 1 viewer left, disconnected in 48 s',
  )
  t.equal(
    drainWords({ ...drain, viewers_left: 0, ends_at: 1_048 }, 1_000),
    'draining for 12 s, 0 viewers left',
  )
  t.equal(drainWords(BOX.drain, 1_000), '')
  t.end()
})

t.test('every fault of the server is a bad word', t => {
  const words = boxWords({
    ...BOX,
    viewers: 200,
    ports: { in_use: 200, total: 200 },
    workers: [{ state: 'running' }, { state: 'frozen' }],
    exporter: { connected: false, since: 880 },
  })
  t.same(
    words.filter(({ bad }) => bad).map(item => item.words),
    [
      '200 of 200 viewers',
      '200 of 200 ports in use',
      '1 of 2 media workers frozen',
      'exporter not connected for 2 min',
    ],
  )
  t.end()
})

t.test('numbers without a cap have no maximum', t => {
  t.equal(outOf(3, null), '3')
  t.equal(outOf(3, 50), '3 of 50')
  t.end()
})

t.test('durations have two units at most, and none is negative', t => {
  const words = [-5, 0, 59.9, 60, 3_599, 3_660, 90_000].map(duration)
  t.same(words, [
    '0 s',
    '0 s',
    '59 s',
    '1 min',
    '59 min',
    '1 h 1 min',
    '1 d 1 h',
  ])
  t.end()
})

t.test('an id with every allowed character survives the URL', t => {
  const id = 'AZaz09_.~:@-'
  for (const route of [
    { at: 'stream', id } as const,
    { at: 'edit', id } as const,
  ]) {
    t.same(routeOf(hashOf(route)), route)
  }
  t.same(routeOf(hashOf({ at: 'add' })), { at: 'add' })
  for (const hash of [
    '',
    '#',
    '#/',
    '#/stream/',
    '#/stream/%E0%A4%A',
    '#/x/y',
  ]) {
    t.same(routeOf(hash), { at: 'list' })
  }
  t.end()
})

/** A run whose log has the last lines of the prelude again. */
const run = (lines: readonly string[], logged: number, exit = false) => ({
  created_at: 1,
  prelude: lines,
  log: lines.slice(-logged).map(line => ['5', line] as const),
  ...(exit && { exited_at: 7, exit_state: 'failed' as const }),
})

t.test('the last lines cover earlier runs, each line once', t => {
  const report = {
    ...run(['c', 'd', 'e'], 2),
    history: [run(['a', 'b'], 2, true)],
  }
  const lines = (max: number) => lastLines(report, max).map(({ line }) => line)
  t.same(lines(100), ['a', 'b', 'c', 'd', 'e'])
  t.same(lines(2), ['d', 'e'])
  t.same(lastLines(report, 3)[0], { at: undefined, line: 'c' })
  t.end()
})

t.test('lines after the prelude follow it', t => {
  const report = {
    created_at: 1,
    prelude: ['a', 'b'],
    log: [['5', 'x'] as const, ['6', 'y'] as const],
    history: [],
  }
  t.same(
    lastLines(report, 100).map(({ line }) => line),
    ['a', 'b', 'x', 'y'],
  )
  t.end()
})

t.test('ends of FFmpeg are listed newest first, with the last line', t => {
  const report = {
    ...run(['c'], 1, true),
    history: [run(['a', 'b'], 2, true), run([], 0, true)],
  }
  t.same(endings(report), [
    { at: 7, how: 'failed', line: 'c' },
    { at: 7, how: 'failed', line: '' },
    { at: 7, how: 'failed', line: 'b' },
  ])
  t.end()
})
