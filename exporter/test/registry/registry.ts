import t from 'tap'
import type { Batch } from '../../../shared/frames.ts'
import { isBootId, isStreamId } from '../../../shared/ids.ts'
import { SERIES_RETENTION_MS } from '../../../shared/limits.ts'
import { createLedger } from '../../registry/ledger.ts'
import { Registry, type Journal } from '../../registry/registry.ts'
import { requests } from '../fixtures/cells.ts'
import { createFakeClock } from '../fixtures/fake-clock.ts'
import { BOOT, NEXT_BOOT } from '../fixtures/media.ts'

const [boot, nextBoot] = [BOOT, NEXT_BOOT].filter(isBootId)
if (boot === undefined || nextBoot === undefined) throw new TypeError('boots')

function createSubject(journal?: Journal) {
  const clock = createFakeClock()
  const registry = new Registry({
    ledger: createLedger('test', 10),
    clock,
    maxStreams: 10,
    ...(journal === undefined ? {} : { journal }),
  })
  const shown = () =>
    registry
      .families()
      .flatMap(({ name, series }) =>
        series.map(({ text, values }) => `${name}{${text}} ${values[0]}`),
      )
  const register = (...ids: string[]) =>
    registry.register(ids.filter(isStreamId))
  return { registry, clock, shown, register }
}

function batchOf(seq: number, total: number, stream = 'cam'): Batch {
  const cells = [requests(1, stream, total)]
  return { kind: 'batch', seq, observed: total, lost: 0, cells }
}

const REQUESTS =
  'dragonfork_webrtc_whep_requests_total{core="test",' +
  'route="POST /api/v3/whep/{id}",code="201",stream_id="cam"}'

t.test('hello() gives the last seq of a boot that goes on', async t => {
  const { registry } = createSubject()
  t.equal(await registry.hello(boot), 0)
  await registry.batch(boot, batchOf(1, 1), false)
  t.equal(await registry.hello(boot), 1)
  t.equal(await registry.hello(nextBoot), 0)
  await t.rejects(registry.hello(boot), /another boot has followed it/)
})

t.test('batch() refuses a wrong seq and a former boot', async t => {
  const { registry, register, shown } = createSubject()
  await registry.hello(boot)
  await register('cam')
  await registry.batch(boot, batchOf(1, 1), true)
  for (const seq of [0, 1, 3]) {
    const late = registry.batch(boot, batchOf(seq, 9), true)
    await t.rejects(late, /Cannot take batch .: expected 2$/)
  }
  await registry.hello(nextBoot)
  const former = registry.batch(boot, batchOf(2, 9), true)
  await t.rejects(former, /another boot has followed it/)
  t.ok(shown().includes(`${REQUESTS} 1`))
})

t.test('nothing is shown before it is kept', async t => {
  const kept: (() => void)[] = []
  const journal: Journal = {
    keep: () => new Promise(resolve => kept.push(resolve)),
  }
  const { registry, register, shown } = createSubject(journal)
  const keepNext = async () => {
    while (kept.length === 0) await new Promise(setImmediate)
    kept.shift()?.()
  }
  const answers: string[] = []
  const hello = registry.hello(boot)
  const registered = register('cam')
  const batch = registry.batch(boot, batchOf(1, 5), true)
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

t.test('gauges are shown although nothing can be kept', async t => {
  const journal: Journal = { keep: () => new Promise(() => undefined) }
  const { registry, register, shown } = createSubject(journal)
  void register('cam')
  await new Promise(setImmediate)
  const streams = ['cam'].filter(isStreamId).map(id => ({
    id,
    running: true,
    peers: 2,
    degraded: false,
  }))
  const udpPorts = { inUse: 1, available: 2 }
  registry.show({ kind: 'snapshot', streams, udpPorts })
  t.match(shown(), [/active_streams.* 1$/, /active_peers.* 2$/, / 1$/, / 2$/])
})

t.test('no more waits for the journal than the limit', async t => {
  const journal: Journal = { keep: () => new Promise(() => undefined) }
  const { registry } = createSubject(journal)
  for (let i = 0; i < 2_000; i++) registry.refuse('malformed')
  await t.rejects(registry.hello(boot), /limit is 1000 changes/)
})

t.test('a removed stream goes when its time is over', async t => {
  const { registry, register, shown, clock } = createSubject()
  await registry.hello(boot)
  await register('cam', 'live')
  await registry.batch(boot, batchOf(1, 5), true)
  await register('live')
  clock.advance(SERIES_RETENTION_MS - 1)
  await registry.expire()
  t.ok(shown().includes(`${REQUESTS} 5`))
  clock.advance(1)
  await registry.expire()
  t.notOk(shown().some(line => line.includes('"cam"')))
  t.ok(shown().some(line => line.includes('"live"')))
})

t.test('a stream that came back does not go', async t => {
  const { registry, register, shown, clock } = createSubject()
  await register('cam')
  await register()
  clock.advance(SERIES_RETENTION_MS - 1)
  await register('cam')
  clock.advance(SERIES_RETENTION_MS)
  await registry.expire()
  t.ok(shown().some(line => line.includes('"cam"')))
})

t.test('streams that stand still have no peers to show', async t => {
  const { registry, shown, register } = createSubject()
  await register('still', 'leaving')
  const ids = ['still', 'leaving'].filter(isStreamId)
  const streams = ids.map((id, peers) => ({
    id,
    running: false,
    peers,
    degraded: false,
  }))
  const udpPorts = { inUse: 0, available: 0 }
  registry.show({ kind: 'snapshot', streams, udpPorts })
  const peers = shown().filter(line => line.includes('active_peers'))
  t.match(peers, [/"leaving"} 1$/])
})

t.test('a new stream has its place before it is kept', async t => {
  const { promise: kept, resolve: keep } = Promise.withResolvers<undefined>()
  const { registry, shown, register } = createSubject({ keep: () => kept })
  const streams = ['cam']
    .filter(isStreamId)
    .map(id => ({ id, running: true, peers: 3, degraded: false }))
  const udpPorts = { inUse: 0, available: 0 }
  const registered = register('cam')
  registry.show({ kind: 'snapshot', streams, udpPorts })
  const peers = () => shown().filter(line => line.includes('active_peers'))
  t.match(peers(), [/"cam"} 3$/])
  keep(undefined)
  await registered
  t.match(peers(), [/"cam"} 3$/])
})
