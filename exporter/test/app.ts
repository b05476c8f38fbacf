import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { FAMILY_NAMES } from '../../shared/protocol/catalogue.ts'
import { SERIES_RETENTION_MS } from '../../shared/protocol/limits.ts'
import { durations, failures, requests } from './fixtures/cells.ts'
import { startExporter } from './fixtures/exporter.ts'
import { connectMedia, Media, NEXT_BOOT } from './fixtures/media.ts'
import { pick, webrtcLines } from './fixtures/samples.ts'

/** The expected page; UPDATE_GOLDEN=1 rewrites it. */
function golden(name: string, page: string): string {
  const file = join(import.meta.dirname, 'fixtures', `${name}.golden.txt`)
  if (process.env['UPDATE_GOLDEN'] === '1') writeFileSync(file, page)
  return readFileSync(file, 'utf8')
}

t.test('the first scrape has every family and no series', async t => {
  const { scrape } = await startExporter(t)
  const page = webrtcLines(await scrape())
  t.equal(page, golden('nothing-known', page))
  for (const name of FAMILY_NAMES) t.match(page, `# TYPE ${name} `)
})

t.test(
  'a scrape without streams has gauges at zero and no series by stream',
  async t => {
    const { scrape, ingestUrl: url } = await startExporter(t)
    const media = await connectMedia({ url })
    const page = webrtcLines(await scrape())
    t.equal(page, golden('no-stream', page))
    media.cut()
  },
)

t.test(
  'a scrape with one stream has its counts and its other series at zero',
  async t => {
    const { scrape, ingestUrl: url } = await startExporter(t)
    const media = await connectMedia({ url }, { live: 3 })
    await media.batch([
      requests(1, 'live', 3),
      durations(2, 'live', 3),
      requests(3, '_unknown', 1, '404'),
    ])
    const page = webrtcLines(await scrape())
    t.equal(page, golden('one-stream', page))
    media.cut()
  },
)

t.test('a scrape with several streams has the series of each', async t => {
  const { scrape, ingestUrl: url } = await startExporter(t)
  const media = await connectMedia({ url }, { live: 3, cam: 1, idle: 0 })
  await media.batch([
    requests(1, 'live', 4),
    requests(2, 'cam', 1),
    failures(3, 'cam', 2, 'disconnected'),
  ])
  const page = webrtcLines(await scrape())
  t.equal(page, golden('several-streams', page))
  media.cut()
})

t.test('every sample has core as its first label', async t => {
  const { scrape, ingestUrl: url } = await startExporter(t)
  const media = await connectMedia({ url }, { live: 3 })
  const lines = (await scrape()).split('\n')
  const samples = lines.filter(line => line !== '' && !line.startsWith('#'))
  t.ok(samples.length > 100)
  for (const line of samples) t.match(line, /^[a-z0-9_]+\{core="test"[,}]/)
  media.cut()
})

t.test('gauges disappear when the last snapshot is 15 s old', async t => {
  const { scrape, ingestUrl: url, clock } = await startExporter(t)
  const media = await connectMedia({ url }, { live: 3 })
  await media.batch([requests(1, 'live', 3)])
  media.cut()
  await media.closed()
  clock.advance(14_999)
  t.same(
    pick(await scrape(), 'active_peers'),
    [3],
    'exposed after a lost connection',
  )
  clock.advance(1)
  const page = await scrape()
  for (const gauge of ['active_streams', 'active_peers', 'udp_ports']) {
    t.same(pick(page, gauge), [], gauge)
    t.match(page, `# TYPE dragonfork_webrtc_${gauge}`)
  }
  t.same(pick(page, 'requests_total'), [3], 'counters stay')
})

t.test('degraded_streams is exposed until the snapshot is too old', async t => {
  const exporter = await startExporter(t, {
    env: { EXPORTER_MAX_STREAMS: '2' },
  })
  const { scrape, ingestUrl: url, clock } = exporter
  const media = await connectMedia({ url })
  const streams = { live: 3, cam: 1, third: 0, fourth: 0, fifth: 0 }
  const degraded = { cam: 'slow', third: 'loss', fourth: '', fifth: 'loss' }
  await media.snapshot(streams, { degraded })
  const shown = async (id: string, reason?: string) => {
    const why = reason === undefined ? '' : `,reason="${reason}"`
    const labels = `core="test",stream_id="${id}"${why}`
    return pick(await scrape(), `degraded_streams{${labels}}`)
  }
  t.same(await shown('live'), [0])
  t.same(await shown('cam', 'slow'), [1])
  t.same(await shown('cam'), [], 'the sample has a reason')
  t.same(
    await shown('_overflow', 'loss'),
    [2],
    'streams without a place of their own',
  )
  t.same(await shown('_overflow', 'other'), [1], 'a stream without a reason')
  t.same(await shown('_overflow'), [])
  await media.snapshot(streams)
  t.same(await shown('cam', 'slow'), [], 'the reason ends with the problem')
  t.same(await shown('cam'), [0])
  t.same(await shown('_overflow'), [0])
  media.cut()
  await media.closed()
  clock.advance(15_000)
  t.same(pick(await scrape(), 'degraded_streams{'), [])
})

t.test('draining is 1 while the media process drains', async t => {
  const { scrape, ingestUrl: url, clock } = await startExporter(t)
  t.same(pick(await scrape(), 'exporter_draining'), [], 'nothing is known')
  const media = await connectMedia({ url }, { live: 3 })
  t.same(pick(await scrape(), 'exporter_draining{core="test"}'), [0])
  await media.snapshot({ live: 3 }, { draining: true })
  t.same(pick(await scrape(), 'exporter_draining{core="test"}'), [1])
  await media.snapshot({ live: 3 })
  t.same(pick(await scrape(), 'exporter_draining{core="test"}'), [0])
  await media.snapshot({ live: 3 }, { draining: true })
  media.cut()
  await media.closed()
  clock.advance(15_000)
  t.same(pick(await scrape(), 'exporter_draining'), [])
})

t.test('asleep_streams counts streams that are not active', async t => {
  const { scrape, ingestUrl: url, clock } = await startExporter(t)
  t.same(pick(await scrape(), 'asleep_streams'), [], 'nothing is known')
  const media = await connectMedia({ url }, { live: 3, cam: 0 })
  t.same(pick(await scrape(), 'asleep_streams'), [0])
  await media.snapshot(
    { live: 3, cam: 0, door: 0 },
    { asleep: ['cam', 'door'] },
  )
  const page = await scrape()
  t.same(pick(page, 'asleep_streams{core="test"}'), [2])
  t.same(pick(page, 'active_streams'), [1])
  t.same(pick(page, 'active_peers{core="test",stream_id="cam"}'), [0])
  t.same(pick(page, 'degraded_streams{core="test",stream_id="cam"}'), [0])
  t.same(
    pick(page, 'leg_failures_total{core="test",stream_id="door",leg="audio"}'),
    [0],
    'series that exist at zero stay',
  )
  media.cut()
  await media.closed()
  clock.advance(15_000)
  t.same(pick(await scrape(), 'asleep_streams'), [])
})

t.test(
  'gauges disappear at once when the media process disconnects in order',
  async t => {
    const exporter = await startExporter(t)
    const media = await connectMedia({ url: exporter.ingestUrl }, { live: 3 })
    media.socket.close(1000)
    await media.closed()
    t.same(pick(await exporter.scrape(), 'active_peers'), [])
    t.same(pick(await exporter.scrape(), 'media_connected'), [0])
  },
)

t.test('gauges disappear when another boot sends a hello', async t => {
  const { scrape, ingestUrl: url } = await startExporter(t)
  const media = await connectMedia({ url }, { live: 3 })
  const next = new Media({ url, boot: NEXT_BOOT })
  t.equal(await next.hello(), 0)
  t.same(pick(await scrape(), 'active_peers'), [])
  next.cut()
  media.cut()
})

t.test(
  'gauges of a removed stream disappear at once, its counters later',
  async t => {
    const { scrape, ingestUrl: url, clock, app } = await startExporter(t)
    const media = await connectMedia({ url }, { live: 3, cam: 1 })
    await media.batch([requests(1, 'live', 3), requests(2, 'cam', 1)])
    await media.snapshot({ live: 3 })
    t.same(pick(await scrape(), 'active_peers'), [3])
    t.same(pick(await scrape(), 'requests_total'), [3, 1])
    clock.advance(SERIES_RETENTION_MS - 1)
    await media.batch([requests(2, 'cam', 2)])
    t.same(pick(await scrape(), 'requests_total'), [3, 2], 'still counted')
    media.cut()
    await app.close()
  },
)

t.test('counters continue over boots of the media process', async t => {
  const { scrape, ingestUrl: url } = await startExporter(t)
  const first = await connectMedia({ url }, { live: 0 })
  await first.batch([requests(1, 'live', 3), durations(2, 'live', 3)])
  first.cut()
  const next = await connectMedia({ url, boot: NEXT_BOOT }, { live: 0 })
  t.same(pick(await scrape(), 'requests_total'), [3])
  await next.batch([requests(1, 'live', 2), durations(2, 'live', 1)])
  const page = await scrape()
  t.same(pick(page, 'requests_total'), [5])
  t.same(pick(page, 'duration_seconds_count', 'POST'), [4])
  t.same(pick(page, 'observations_total{'), [4])
  next.cut()
})

t.test(
  'a new stream is exposed once its media process has caught up',
  async t => {
    const { scrape, ingestUrl: url } = await startExporter(t)
    const media = new Media({ url })
    t.equal(await media.hello(), 0)
    await media.batch([requests(1, 'live', 3)])
    t.same(pick(await scrape(), 'requests_total'), [], 'not exposed yet')
    await media.batch([failures(2, 'live', 2)])
    await media.snapshot({ live: 0 })
    t.same(pick(await scrape(), 'requests_total'), [3])
    t.same(pick(await scrape(), 'failures_total', 'ice', 'timeout'), [2])
    media.cut()
  },
)

t.test('streams over the limit add up exactly in _overflow', async t => {
  const env = { EXPORTER_MAX_STREAMS: '1' }
  const { scrape, ingestUrl: url } = await startExporter(t, { env })
  const media = await connectMedia({ url }, { one: 1, two: 2, three: 4 })
  t.same(pick(await scrape(), 'ice_failures', '"_overflow"'), [0, 0, 0])
  await media.batch([
    failures(1, 'one', 10),
    failures(2, 'two', 20),
    failures(3, 'three', 40),
  ])
  await media.batch([failures(2, 'two', 21)])
  const page = await scrape()
  t.same(pick(page, 'ice_failures', 'timeout', '"one"'), [10])
  t.same(pick(page, 'ice_failures', 'timeout', '"_overflow"'), [61])
  t.same(pick(page, 'active_peers', '"_overflow"'), [6])
  t.same(pick(page, '"two"').length, 0)
  t.ok((pick(page, 'series_rejected_total')[0] ?? 0) >= 2)
  media.cut()
})

t.test('a scrape includes the telemetry of the exporter', async t => {
  const { scrape, ingestUrl: url, clock } = await startExporter(t)
  const before = await scrape()
  t.same(pick(before, 'media_connected'), [0])
  t.same(pick(before, 'last_snapshot_timestamp_seconds'), [0])
  for (const value of pick(before, 'observations_')) t.equal(value, 0)
  const media = await connectMedia({ url }, { live: 1 })
  await media.batch([requests(1, 'live', 1), requests(2, 'none', 1)], 5)
  const page = await scrape()
  t.same(pick(page, 'media_connected'), [1])
  t.same(pick(page, 'timestamp_seconds{core'), [clock.epochMs() / 1000])
  t.same(pick(page, 'observations_total{'), [7])
  t.same(pick(page, 'observations_lost_total'), [5])
  t.same(pick(page, 'rejected_total', 'reason="unknown_stream"'), [1])
  t.same(pick(page, 'exporter_series{'), [
    pick(page, 'dragonfork_webrtc_').length,
  ])
  t.same(pick(page, 'scrape_duration_seconds_count'), [1])
  t.same(pick(page, 'build_info', `"${process.version}"`, '"1.2.3"'), [1])
  t.equal(pick(page, 'process_cpu_seconds_total').length, 1)
  t.equal(pick(page, 'nodejs_eventloop_lag_seconds').length, 1)
  t.equal(pick(page, 'nodejs_eventloop_lag_').length, 1, 'no monitor')
  const families = page.match(/^# TYPE dragonfork_webrtc_/gm) ?? []
  t.equal(families.length, 11)
  media.cut()
})

t.test(
  'a rejected frame is counted in observations_rejected_total',
  async t => {
    const { scrape, ingestUrl: url } = await startExporter(t)
    const media = await connectMedia({ url })
    const closed = media.closed()
    media.socket.send('garbage')
    await closed
    const [rejected] = pick(await scrape(), 'rejected_total', '"malformed"')
    t.equal(rejected, 1)
  },
)
