import t from 'tap'
import type { Batch } from '../../../shared/protocol/frames.ts'
import { isBootId, isStreamId } from '../../../shared/protocol/ids.ts'
import { SERIES_RETENTION_MS } from '../../../shared/protocol/limits.ts'
import { LIMITS } from '../../limits.ts'
import { createLedger } from '../../registry/ledger.ts'
import { MetricStore, type Journal } from '../../registry/metric-store.ts'
import { requests } from '../fixtures/cells.ts'
import { FakeClock } from '../../../shared/test/fixtures/fake-clock.ts'
import { BOOT, NEXT_BOOT } from '../fixtures/media.ts'

const [boot, nextBoot] = [BOOT, NEXT_BOOT].filter(isBootId)
if (boot === undefined || nextBoot === undefined) throw new TypeError('boots')

function createSubject(journal?: Journal) {
  const clock = new FakeClock()
  const store = new MetricStore({
    ledger: createLedger('test', 10),
    clock,
    maxStreams: 10,
    limits: LIMITS,
    journal,
  })
  const shown = () =>
    store
      .families()
      .flatMap(({ name, series }) =>
        series.map(({ text, values }) => `${name}{${text}} ${values[0]}`),
      )
  const register = (...ids: string[]) => store.register(ids.filter(isStreamId))
  return { store, clock, shown, register }
}

function batchOf(seq: number, total: number, stream = 'cam'): Batch {
  const cells = [requests(1, stream, total)]
  return { kind: 'batch', seq, observed: total, lost: 0, cells }
}

const REQUESTS =
  'dragonfork_webrtc_whep_requests_total{core="test",' +
  'route="POST /api/v3/whep/{id}",code="201",stream_id="cam"}'

t.test('hello() returns the last seq of the current boot', async t => {
  const { store } = createSubject()
  t.equal(await store.hello(boot), 0)
  await store.batch(boot, batchOf(1, 1), false)
  t.equal(await store.hello(boot), 1)
  t.equal(await store.hello(nextBoot), 0)
  await t.rejects(store.hello(boot), /another boot has followed it/)
})

t.test('batch() rejects a wrong seq and a retired boot', async t => {
  const { store, register, shown } = createSubject()
  await store.hello(boot)
  await register('cam')
  await store.batch(boot, batchOf(1, 1), true)
  for (const seq of [0, 1, 3]) {
    const late = store.batch(boot, batchOf(seq, 9), true)
    await t.rejects(late, /Cannot accept batch .: expected 2$/)
  }
  await store.hello(nextBoot)
  const former = store.batch(boot, batchOf(2, 9), true)
  await t.rejects(former, /another boot has followed it/)
  t.ok(shown().includes(`${REQUESTS} 1`))
})

t.test('a change is exposed only after it is stored', async t => {
  const kept: (() => void)[] = []
  const journal: Journal = {
    keep: () => new Promise(resolve => kept.push(resolve)),
  }
  const { store, register, shown } = createSubject(journal)
  const keepNext = async () => {
    while (kept.length === 0) await new Promise(setImmediate)
    kept.shift()?.()
  }
  const answers: string[] = []
  const hello = store.hello(boot)
  const registered = register('cam')
  const batch = store.batch(boot, batchOf(1, 5), true)
  void batch.then(() => answers.push('batch'))
  await keepNext()
  await hello
  t.same(shown(), [])
  await keepNext()
  await registered
  t.notOk(shown().some(line => line.startsWith(REQUESTS)))
  t.same(answers, [])
  await keepNext()
  await batch
  t.ok(shown().includes(`${REQUESTS} 5`))
})

t.test('gauges are exposed while nothing can be stored', async t => {
  const journal: Journal = { keep: () => new Promise(() => undefined) }
  const { store, register, shown } = createSubject(journal)
  void register('cam')
  await new Promise(setImmediate)
  const streams = ['cam'].filter(isStreamId).map(id => ({
    id,
    running: true,
    peers: 2,
    degraded: false,
  }))
  const udpPorts = { inUse: 1, available: 2 }
  store.show({ kind: 'snapshot', streams, udpPorts })
  t.match(shown(), [/active_streams.* 1$/, /active_peers.* 2$/, / 1$/, / 2$/])
})

t.test(
  'changes over the limit are rejected while the journal is stuck',
  async t => {
    const journal: Journal = { keep: () => new Promise(() => undefined) }
    const { store } = createSubject(journal)
    for (let i = 0; i < 2_000; i++) store.reject('malformed')
    await t.rejects(store.hello(boot), /1000 are waiting, limit is 1000$/)
  },
)

t.test('expire() drops a removed stream after the retention time', async t => {
  const { store, register, shown, clock } = createSubject()
  await store.hello(boot)
  await register('cam', 'live')
  await store.batch(boot, batchOf(1, 5), true)
  await register('live')
  clock.advance(SERIES_RETENTION_MS - 1)
  await store.expire()
  t.ok(shown().includes(`${REQUESTS} 5`))
  clock.advance(1)
  await store.expire()
  t.notOk(shown().some(line => line.includes('"cam"')))
  t.ok(shown().some(line => line.includes('"live"')))
})

t.test('expire() keeps a stream that has returned', async t => {
  const { store, register, shown, clock } = createSubject()
  await register('cam')
  await register()
  clock.advance(SERIES_RETENTION_MS - 1)
  await register('cam')
  clock.advance(SERIES_RETENTION_MS)
  await store.expire()
  t.ok(shown().some(line => line.includes('"cam"')))
})

t.test(
  'a stopped stream has active_peers only while it has viewers',
  async t => {
    const { store, shown, register } = createSubject()
    await register('still', 'leaving')
    const ids = ['still', 'leaving'].filter(isStreamId)
    const streams = ids.map((id, peers) => ({
      id,
      running: false,
      peers,
      degraded: false,
    }))
    const udpPorts = { inUse: 0, available: 0 }
    store.show({ kind: 'snapshot', streams, udpPorts })
    const peers = shown().filter(line => line.includes('active_peers'))
    t.match(peers, [/"leaving"} 1$/])
  },
)

t.test('gauges of a new stream are exposed before it is stored', async t => {
  const { promise: kept, resolve: keep } = Promise.withResolvers<undefined>()
  const { store, shown, register } = createSubject({ keep: () => kept })
  const streams = ['cam']
    .filter(isStreamId)
    .map(id => ({ id, running: true, peers: 3, degraded: false }))
  const udpPorts = { inUse: 0, available: 0 }
  const registered = register('cam')
  store.show({ kind: 'snapshot', streams, udpPorts })
  const peers = () => shown().filter(line => line.includes('active_peers'))
  t.match(peers(), [/"cam"} 3$/])
  keep(undefined)
  await registered
  t.match(peers(), [/"cam"} 3$/])
})
