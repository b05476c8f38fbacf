import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import t from 'tap'

import {
  BATCH_INTERVAL_MS,
  MAX_STREAMS_PER_SNAPSHOT,
  SERIES_RETENTION_MS,
  SNAPSHOT_INTERVAL_MS,
} from '../../../shared/protocol/limits.ts'
import { FakeClock } from '../../../shared/test/fixtures/fake-clock.ts'
import {
  iceDuration,
  legFailure,
  newOutbox,
  startExporter,
  startOutbox,
  viewOf,
} from './fixtures/outbox.ts'

const LEG = 'dragonfork_webrtc_ffmpeg_leg_failures_total'
const ICE = 'dragonfork_webrtc_ice_establishment_duration_seconds'

t.test('report() brings totals to the exporter', async t => {
  const exporter = await startExporter(t)
  const { outbox } = startOutbox(t, exporter.url, { token: 'open sesame' })
  outbox.report(legFailure('cam'))
  outbox.report(legFailure('cam'))
  outbox.report(iceDuration('cam', 0.3))
  await exporter.until(() => exporter.observed === 3)
  t.strictSame(exporter.shown.get(`${LEG}|cam|video`), [2])
  t.strictSame(
    exporter.shown.get(`${ICE}|cam|connected`),
    [0, 0, 0, 1, 0, 0, 0, 0, 0, 0.3],
  )
  t.match(exporter.frames[0], { kind: 'hello', core: 'test-core' })
  t.equal(exporter.authorization, 'Bearer open sesame')
})

t.test(
  'observations made while the exporter is away go out merged',
  async t => {
    const exporter = await startExporter(t)
    await exporter.down()
    const { outbox } = startOutbox(t, exporter.url)
    for (let i = 0; i < 1000; i += 1) outbox.report(legFailure('cam'))
    await exporter.up()
    await exporter.until(() => exporter.observed === 1000)
    t.strictSame(exporter.shown.get(`${LEG}|cam|video`), [1000])
    t.equal(exporter.batches.length, 1)
  },
)

t.test('outbox sends at most one batch per interval', async t => {
  const exporter = await startExporter(t)
  const clock = new FakeClock()
  const { outbox } = startOutbox(t, exporter.url, { clock })
  outbox.report(legFailure('cam'))
  await clock.until(() => exporter.observed === 1)
  for (let round = 2; round < 5; round += 1) {
    for (let i = 0; i < 10; i += 1) {
      outbox.report(legFailure('cam'))
      clock.advance((BATCH_INTERVAL_MS - 1) / 10)
    }
    const { connections } = exporter
    t.equal(connections, 1)
    await clock.until(() => exporter.batches.length === round, 1)
    t.equal(exporter.observed, 1 + 10 * (round - 1), 'in one batch')
  }
})

t.test(
  'outbox sends an observation at once when the interval is over',
  async t => {
    const exporter = await startExporter(t)
    const clock = new FakeClock()
    const { outbox } = startOutbox(t, exporter.url, { clock })
    await clock.until(() => exporter.frames.length === 2)
    clock.advance(BATCH_INTERVAL_MS)
    outbox.report(legFailure('cam'))
    await clock.until(() => exporter.observed === 1)
    t.pass('no time had to pass')
  },
)

t.test('without observations only periodic snapshots go out', async t => {
  const exporter = await startExporter(t)
  const clock = new FakeClock()
  startOutbox(t, exporter.url, { clock })
  await clock.until(() => exporter.frames.length === 4, BATCH_INTERVAL_MS)
  t.strictSame(
    exporter.frames.map(({ kind }) => kind),
    ['hello', 'snapshot', 'snapshot', 'snapshot'],
  )
  t.ok(clock.steadyMs() >= 2 * SNAPSHOT_INTERVAL_MS)
})

t.test('changed() sends one snapshot for many calls, at once', async t => {
  const exporter = await startExporter(t)
  const clock = new FakeClock()
  let view = viewOf('one')
  const { outbox } = startOutbox(t, exporter.url, {
    clock,
    view: () => view,
  })
  await clock.until(() => exporter.frames.length === 2)
  clock.advance(BATCH_INTERVAL_MS)
  view = viewOf('one', 'two')
  for (let i = 0; i < 100; i += 1) outbox.changed()
  await clock.until(() => exporter.frames.length === 3)
  outbox.report(legFailure('one'))
  await clock.until(() => exporter.observed === 1, 1)
  t.strictSame(
    exporter.frames.map(({ kind }) => kind),
    ['hello', 'snapshot', 'snapshot', 'batch'],
  )
  t.match(exporter.frames[2], { streams: [{ id: 'one' }, { id: 'two' }] })
})

t.test(
  'a snapshot announces a new stream before its observations go out',
  async t => {
    const exporter = await startExporter(t)
    const clock = new FakeClock()
    let view = viewOf()
    const { outbox } = startOutbox(t, exporter.url, {
      clock,
      view: () => view,
    })
    await clock.until(() => exporter.frames.length === 2)
    for (const ids of [['one'], ['one', 'two']]) {
      view = viewOf(...ids)
      // The second stream is announced without changed() too.
      if (ids.length === 1) outbox.changed()
      outbox.report(legFailure(ids.at(-1) ?? ''))
      await clock.until(() => exporter.observed === ids.length, 1)
    }
    t.match(exporter.frames.slice(2), [
      { kind: 'snapshot', streams: [{ id: 'one' }] },
      { kind: 'batch', cells: [{ labels: ['one', 'video'] }] },
      { kind: 'snapshot', streams: [{ id: 'one' }, { id: 'two' }] },
      { kind: 'batch', cells: [{ labels: ['two', 'video'] }] },
    ])
  },
)

t.test('a stream removed between two snapshots is announced once', async t => {
  const exporter = await startExporter(t)
  const clock = new FakeClock()
  const { outbox } = startOutbox(t, exporter.url, {
    clock,
    view: () => viewOf('cam'),
  })
  await clock.until(() => exporter.frames.length === 2)
  outbox.report(legFailure('brief'))
  await clock.until(() => exporter.observed === 1, 1)
  outbox.report(legFailure('brief'))
  await clock.until(() => exporter.observed === 2, 1)
  await clock.until(() => exporter.frames.length === 6, BATCH_INTERVAL_MS)
  t.match(exporter.frames.slice(2), [
    {
      kind: 'snapshot',
      streams: [
        { id: 'cam' },
        { id: 'brief', running: false, peers: 0, degraded: false },
      ],
    },
    { kind: 'batch', cells: [{ labels: ['brief', 'video'] }] },
    { kind: 'batch', cells: [{ labels: ['brief', 'video'] }] },
    { kind: 'snapshot', streams: [{ id: 'cam' }] },
  ])
  const [, , , , , last] = exporter.frames
  t.equal(last?.kind === 'snapshot' ? last.streams.length : 0, 1)
})

t.test(
  'unacknowledged series go out after the welcome, before any snapshot',
  async t => {
    const exporter = await startExporter(t)
    await exporter.down()
    const clock = new FakeClock()
    const { outbox } = startOutbox(t, exporter.url, { clock })
    for (let i = 0; i < 2_500; i += 1) outbox.report(legFailure(`s${i}`))
    outbox.changed()
    await exporter.up()
    // Continuous traffic must not delay the snapshot forever.
    await clock.until(() => {
      outbox.report(legFailure('s0'))
      return exporter.frames.some(({ kind }) => kind === 'snapshot')
    }, 10)
    t.strictSame(
      exporter.frames.slice(0, 5).map(({ kind }) => kind),
      ['hello', 'batch', 'batch', 'batch', 'snapshot'],
    )
  },
)

t.test(
  'a stream that returns after the retention time starts at zero',
  async t => {
    const exporter = await startExporter(t)
    const clock = new FakeClock()
    let view = viewOf('cam')
    const { outbox } = startOutbox(t, exporter.url, {
      clock,
      view: () => view,
    })
    outbox.report(legFailure('cam'))
    await clock.until(() => exporter.observed === 1)
    view = viewOf()
    outbox.changed()
    const half = SERIES_RETENTION_MS / 2
    const { frames } = exporter
    // The steps are small enough for the exporter to answer pings.
    await clock.until(() => clock.steadyMs() > half, 100)
    outbox.report(legFailure('cam'))
    await clock.until(() => exporter.observed === 2, 100)
    t.match(exporter.batches.at(-1), { cells: [{ cell: 1, total: 2 }] })
    await clock.until(() => clock.steadyMs() > 2.2 * half, 100)
    view = viewOf('cam')
    outbox.changed()
    outbox.report(legFailure('cam'))
    await clock.until(() => exporter.observed === 3, 100)
    t.match(exporter.batches.at(-1), { cells: [{ cell: 2, total: 1 }] })
    t.equal(frames.filter(({ kind }) => kind === 'hello').length, 1)
  },
)

t.test(
  'a snapshot leaves out streams over the limit and logs it once',
  async t => {
    const exporter = await startExporter(t)
    const clock = new FakeClock()
    const ids = Array.from(
      { length: MAX_STREAMS_PER_SNAPSHOT + 1 },
      (_, i) => `${'x'.repeat(120)}${i}`,
    )
    const view = viewOf(...ids)
    const { logged } = startOutbox(t, exporter.url, {
      clock,
      view: () => view,
    })
    await clock.until(() => exporter.frames.length === 3, 100)
    const [, snapshot] = exporter.frames
    t.ok(snapshot?.kind === 'snapshot')
    t.equal(
      snapshot?.kind === 'snapshot' ? snapshot.streams.length : 0,
      MAX_STREAMS_PER_SNAPSHOT,
    )
    t.equal(logged('over the limit').length, 1)
  },
)

t.test(
  'a view that throws does not stop observations, and is logged once',
  async t => {
    const exporter = await startExporter(t)
    const { outbox, logged } = startOutbox(t, exporter.url, {
      view: () => {
        throw new RangeError('not ready')
      },
    })
    outbox.report(legFailure('cam'))
    await exporter.until(() => exporter.observed === 1)
    outbox.report(legFailure('cam'))
    await exporter.until(() => exporter.observed === 2)
    t.match(logged('cannot read the state'), [
      { error: { message: 'not ready' } },
    ])
    t.equal(logged('cannot read the state').length, 1)
  },
)

t.test('close() sends what is unacknowledged, then disconnects', async t => {
  const exporter = await startExporter(t)
  const { outbox } = startOutbox(t, exporter.url)
  await exporter.until(() => exporter.connections === 1)
  outbox.report(legFailure('cam'))
  await outbox.close()
  t.equal(exporter.observed, 1)
  outbox.report(legFailure('cam'))
  outbox.changed()
  outbox.start()
  await outbox.close()
  t.equal(exporter.connections, 1)
})

t.test('close() reconnects if the connection is cut meanwhile', async t => {
  const exporter = await startExporter(t)
  const clock = new FakeClock()
  const { outbox } = startOutbox(t, exporter.url, { clock })
  await clock.until(() => exporter.frames.length === 2)
  exporter.script.ack = () => null
  outbox.report(legFailure('cam'))
  let closed = false
  const closing = outbox.close().then(() => (closed = true))
  await clock.until(() => exporter.observed === 1, 10)
  exporter.cut()
  exporter.pretendSeq(0)
  exporter.script.ack = ({ seq }) => ({ kind: 'ack', seq })
  await clock.until(() => closed, 10)
  await closing
  t.match(exporter.batches, [{ seq: 1 }, { seq: 1 }])
  t.equal(clock.pending, 0, 'no timer is left')
})

t.test('close() resolves at once if there is no exporter', async t => {
  const exporter = await startExporter(t)
  await exporter.down()
  const clock = new FakeClock()
  const { outbox, records } = startOutbox(t, exporter.url, { clock })
  outbox.report(legFailure('cam'))
  await clock.until(() => records.length > 0)
  await outbox.close()
  t.equal(clock.pending, 0, 'no timer is left')
})

t.test('close() waits a second for a frozen exporter', async t => {
  const exporter = await startExporter(t)
  const clock = new FakeClock()
  const { outbox } = startOutbox(t, exporter.url, { clock })
  await clock.until(() => exporter.frames.length === 2)
  exporter.freeze()
  outbox.report(legFailure('cam'))
  clock.advance(BATCH_INTERVAL_MS)
  let closed = false
  const closing = outbox.close().then(() => (closed = true))
  const startMs = clock.steadyMs()
  await clock.until(() => closed, 10)
  await closing
  t.ok(clock.steadyMs() - startMs >= 1_000)
  t.ok(clock.steadyMs() - startMs < 2_000)
  t.equal(clock.pending, 0, 'no timer is left')
})

t.test('close() of an outbox that was never started resolves', async t => {
  const exporter = await startExporter(t)
  const clock = new FakeClock()
  const { outbox } = newOutbox(exporter.url, { clock })
  outbox.report(legFailure('cam'))
  await outbox.close()
  outbox.start()
  t.equal(clock.pending, 0)
})

t.test(
  'memory does not grow with observations while the exporter is away',
  async t => {
    setFlagsFromString('--expose-gc')
    const collect: unknown = runInNewContext('gc')
    const heapBytes = () => {
      if (typeof collect === 'function') Reflect.apply(collect, undefined, [])
      return process.memoryUsage().heapUsed
    }
    const exporter = await startExporter(t)
    await exporter.down()
    const { outbox } = startOutbox(t, exporter.url)
    const reportMany = (count: number) => {
      for (let i = 0; i < count; i += 1) {
        outbox.report(legFailure(`s${i % 10}`))
        outbox.report(iceDuration(`s${i % 10}`, (i % 1000) / 100))
        outbox.changed()
      }
    }
    reportMany(1_000)
    const before = heapBytes()
    reportMany(500_000)
    const grown = heapBytes() - before
    t.ok(grown < 500_000, `1e6 observations took ${grown} bytes`)
    await exporter.up()
    await exporter.until(() => exporter.observed === 2 * 501_000)
    t.equal(exporter.lost, 0)
    const total = [...exporter.shown]
      .filter(([key]) => key.startsWith(LEG))
      .reduce((sum, [, [value = 0]]) => sum + value, 0)
    t.equal(total, 501_000)
  },
)
