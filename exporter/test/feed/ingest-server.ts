import { once } from 'node:events'
import { request } from 'node:http'
import { connect } from 'node:net'
import fc from 'fast-check'
import t from 'tap'
import type { Test } from 'tap'
import { WebSocket } from 'ws'
import { CLOSE_CODES, PROTOCOL } from '../../../shared/protocol/frames.ts'
import { MAX_FRAME_BYTES } from '../../../shared/protocol/limits.ts'
import { IngestServer } from '../../feed/ingest-server.ts'
import { systemClock, type Clock } from '../../../shared/runtime/clock.ts'
import { LIMITS, type Limits } from '../../limits.ts'
import { createLedger } from '../../registry/ledger.ts'
import { MetricStore, type Journal } from '../../registry/metric-store.ts'
import { requests } from '../fixtures/cells.ts'
import {
  BOOT,
  connectMedia,
  CORE,
  Media,
  NEXT_BOOT,
} from '../fixtures/media.ts'
import { FakeClock } from '../../../shared/test/fixtures/fake-clock.ts'
import { memoryLog } from '../../../shared/test/fixtures/memory-log.ts'
import { shownValues } from '../fixtures/shown.ts'

interface SubjectOptions {
  readonly token?: string
  readonly limits?: Partial<Limits>
  readonly journal?: Journal
  readonly clock?: Clock
}

async function createSubject(t: Test, options: SubjectOptions = {}) {
  const { token, journal, clock = systemClock } = options
  const limits = {
    ...LIMITS,
    // No timeout interferes, unless the test is about it.
    pingIntervalMs: 60_000,
    silenceTimeoutMs: 120_000,
    closeTimeoutMs: 60_000,
    ...options.limits,
  }
  const memory = memoryLog()
  const ledger = createLedger(CORE, 10)
  const store = new MetricStore({
    ledger,
    clock,
    maxStreams: 10,
    limits,
    journal,
  })
  const rejected: string[] = []
  const server = new IngestServer({
    core: CORE,
    token,
    limits,
    clock,
    log: memory.log,
    onRejected: reason => rejected.push(reason),
  })
  t.teardown(() => server.close())
  const bound = await server.listen({ host: '127.0.0.1', port: 0 })
  server.serve(store)
  const url = `ws://${bound.text}/ingest`
  /** Waits until all changes so far are applied: they happen in order. */
  const settled = () => store.expire()
  return { ...memory, server, store, settled, ledger, rejected, bound, url }
}

/** Tries to upgrade; returns the status. */
async function upgrade(url: string, headers: Record<string, string> = {}) {
  const socket = new WebSocket(url, { headers })
  socket.on('error', () => undefined)
  const status = await new Promise<number>(resolve => {
    socket.on('open', () => {
      resolve(101)
    })
    socket.on('unexpected-response', (sent, response) => {
      resolve(response.statusCode ?? 0)
      sent.destroy()
    })
  })
  socket.terminate()
  return status
}

t.test('server checks token, Origin and path of an upgrade', async t => {
  const { url, rejected } = await createSubject(t, { token: 'sesame' })
  const good = { authorization: 'Bearer sesame' }
  t.equal(await upgrade(url, good), 101)
  t.equal(await upgrade(url), 401)
  t.equal(await upgrade(url, { authorization: 'Bearer sesam' }), 401)
  t.equal(await upgrade(url, { authorization: 'Basic sesame' }), 401)
  t.equal(await upgrade(url, { ...good, origin: 'http://a.example' }), 403)
  t.equal(await upgrade(`${url}/other`, good), 404)
  const seen = ['unauthorized', 'unauthorized', 'unauthorized', 'origin']
  t.same(rejected, [...seen, 'no_such_path'])
})

t.test('server answers 426 to a request without upgrade', async t => {
  const { bound } = await createSubject(t)
  const sent = request({ ...bound, path: '/ingest', agent: false }).end()
  const [response] = (await once(sent, 'response')) as [
    { statusCode: number; resume: () => void },
  ]
  t.equal(response.statusCode, 426)
  response.resume()
})

t.test('server rejects connections over the limit with 503', async t => {
  const { url } = await createSubject(t)
  const open = await Promise.all(
    Array.from({ length: 16 }, () => new Media({ url }).open()),
  )
  t.equal(await upgrade(url), 503)
  open[0]?.cut()
  await open[0]?.closed()
  while ((await upgrade(url)) === 503) await new Promise(setImmediate)
  for (const media of open) media.cut()
})

t.test(
  'connections without a request block others only until their timeout',
  async t => {
    const { url, bound } = await createSubject(t)
    const idle = Array.from({ length: 64 }, () =>
      connect(bound.port, bound.host).on('error', () => undefined),
    )
    for (const socket of idle) socket.write('GET /ing')
    await Promise.all(idle.map(socket => once(socket.resume(), 'close')))
    const media = await connectMedia({ url })
    media.cut()
  },
)

t.test('server rejects connections with 503 after dismiss()', async t => {
  const { url, server, store, rejected } = await createSubject(t)
  const media = await connectMedia({ url })
  const closed = media.closed()
  server.dismiss()
  t.equal((await closed).code, 1001)
  t.equal(await upgrade(url), 503)
  t.same(rejected, ['not_serving'])
  server.serve(store)
  t.equal(await upgrade(url), 101)
})

/** Invalid frames on a connection that is otherwise valid. */
const BAD_FRAMES: readonly [keyof typeof CLOSE_CODES, string | Buffer][] = [
  ['malformed', 'no json'],
  ['malformed', '[]'],
  ['malformed', '{"kind":"hullo"}'],
  ['malformed', Buffer.from([1, 2, 3])],
  ['malformed', '{"kind":"batch","seq":2}'],
  [
    'malformed',
    '{"kind":"batch","seq":2,"observed":1,"lost":0,"cells":[{"cell":1,' +
      '"family":"x","labels":[],"total":-1}]}',
  ],
  [
    'malformed',
    '{"kind":"batch","seq":2,"observed":1,"lost":0,"cells":[{"cell":1,' +
      '"family":"x","labels":[],"total":NaN}]}',
  ],
  ['out_of_order', '{"kind":"batch","seq":9,"observed":1,"lost":0,"cells":[]}'],
  ['out_of_order', '{"kind":"batch","seq":1,"observed":1,"lost":0,"cells":[]}'],
  [
    'out_of_order',
    `{"kind":"hello","protocol":1,"core":"${CORE}","boot":"${BOOT}"}`,
  ],
]

t.test('an invalid frame closes its connection and is counted', async t => {
  for (const [reason, frame] of BAD_FRAMES) {
    const { url, ledger, of, settled } = await createSubject(t)
    const media = await connectMedia({ url }, { cam: 0 })
    const closed = media.closed()
    media.socket.send(frame)
    t.equal((await closed).code, CLOSE_CODES[reason], String(frame))
    await settled()
    t.equal(ledger.rejected[reason === 'replaced' ? 'malformed' : reason], 1)
    t.match(of('media process rejected'), [{ reason }])
    const again = new Media({ url })
    t.equal(await again.hello(), 1)
    again.cut()
  }
})

t.test(
  'a frame over the size limit closes its connection and is counted',
  async t => {
    const { url, ledger, settled } = await createSubject(t)
    const media = await connectMedia({ url })
    const closed = media.closed()
    media.socket.send('x'.repeat(MAX_FRAME_BYTES + 1))
    t.equal((await closed).code, 1009)
    await settled()
    t.equal(ledger.rejected.too_large, 1)
  },
)

t.test('a frame before the hello closes the connection', async t => {
  const { url } = await createSubject(t)
  for (const kind of ['batch', 'snapshot']) {
    const media = await new Media({ url }).open()
    const closed = media.closed()
    if (kind === 'batch') media.sendBatch([])
    else {
      const udpPorts = { inUse: 0, available: 0 }
      media.send({ kind, streams: [], udpPorts })
    }
    t.equal((await closed).code, CLOSE_CODES.out_of_order)
  }
})

t.test('a hello of another core is rejected with both names', async t => {
  const { url, of, server } = await createSubject(t)
  const media = await new Media({ url }).open()
  const closed = media.closed()
  media.send({ kind: 'hello', protocol: PROTOCOL, core: 'other', boot: BOOT })
  const { code, reason } = await closed
  t.equal(code, CLOSE_CODES.wrong_core)
  t.equal(reason, 'CORE_ID differs: exporter has "test", media process "other"')
  t.match(of('media process rejected'), [
    { reason: 'wrong_core', detail: reason },
  ])
  t.notOk(server.isConnected())
})

t.test('a close reason longer than a close frame is truncated', async t => {
  const { url } = await createSubject(t)
  const media = await new Media({ url }).open()
  const closed = media.closed()
  const core = 'é'.repeat(100)
  media.send({ kind: 'hello', protocol: PROTOCOL, core, boot: BOOT })
  const { code, reason } = await closed
  t.equal(code, CLOSE_CODES.wrong_core)
  t.match(reason, /^CORE_ID differs: .*é$/)
})

t.test('repeated rejections are all counted and logged once', async t => {
  const { url, of, ledger, settled } = await createSubject(t)
  const good = await connectMedia({ url })
  const beRejected = async (core: string) => {
    const media = await new Media({ url }).open()
    const closed = media.closed()
    media.send({ kind: 'hello', protocol: PROTOCOL, core, boot: NEXT_BOOT })
    await closed
  }
  for (let i = 0; i < 3; i++) await beRejected('other')
  await settled()
  t.equal(ledger.rejected.wrong_core, 3)
  t.equal(of('media process rejected').length, 1)
  t.equal(of('media process disconnected').length, 0)
  good.cut()
  await connectMedia({ url })
  await beRejected('other')
  t.equal(
    of('media process rejected').length,
    2,
    'logged again after a good connection',
  )
})

t.test('a hello of another protocol is rejected', async t => {
  const { url } = await createSubject(t)
  const media = await new Media({ url }).open()
  const closed = media.closed()
  media.send({ kind: 'hello', protocol: 2, core: CORE, boot: BOOT })
  t.equal((await closed).code, CLOSE_CODES.wrong_protocol)
})

t.test('a new hello closes the previous connection', async t => {
  const { url, server } = await createSubject(t)
  const first = await connectMedia({ url }, { cam: 0 })
  await first.batch([requests(1, 'cam', 1)])
  const closed = first.closed()
  const second = new Media({ url })
  t.equal(await second.hello(), 2)
  t.equal((await closed).code, CLOSE_CODES.replaced)
  t.ok(server.isConnected())
  t.match(await second.batch([]), { kind: 'ack', seq: 3 })
  second.cut()
})

t.test(
  'a welcome includes the last batch of the previous connection',
  async t => {
    const { url, store } = await createSubject(t)
    const first = await connectMedia({ url })
    const hello = store.hello.bind(store)
    store.hello = async boot => {
      store.hello = hello
      const seq = await hello(boot)
      await first.batch([])
      return seq
    }
    const second = new Media({ url })
    t.equal(await second.hello(), 2)
    t.match(await second.batch([]), { kind: 'ack', seq: 3 })
    second.cut()
  },
)

t.test('a hello of a retired boot is rejected', async t => {
  const { url } = await createSubject(t)
  const old = await connectMedia({ url })
  const replaced = old.closed()
  const next = new Media({ url, boot: NEXT_BOOT })
  await next.hello()
  await replaced
  const retired = await new Media({ url }).open()
  const closed = retired.closed()
  retired.send({ kind: 'hello', protocol: PROTOCOL, core: CORE, boot: BOOT })
  t.equal((await closed).code, CLOSE_CODES.retired_boot)
  t.match(await next.batch([]), { kind: 'ack', seq: 1 })
  next.cut()
})

t.test('a connection with too many frames is closed and counted', async t => {
  const limits = { maxFramesPerSecond: 1 }
  const { url, ledger, settled } = await createSubject(t, { limits })
  const media = await connectMedia({ url })
  const closed = media.closed()
  for (let i = 0; i < 20; i++) media.sendBatch([])
  t.equal((await closed).code, CLOSE_CODES.too_many_frames)
  await settled()
  t.equal(ledger.rejected.too_many_frames, 1)
})

t.test('a silent connection is pinged, then dropped', async t => {
  // Many pings fit into the timeout: one answer may be late.
  const limits = { pingIntervalMs: 100, silenceTimeoutMs: 500 }
  const { url, of, server } = await createSubject(t, { limits })
  const media = await connectMedia({ url })
  // It stays connected while it answers pings, which ws does automatically.
  for (let pings = 0; pings < 5; pings++) await once(media.socket, 'ping')
  t.ok(server.isConnected())
  media.socket.pause()
  const silent = () => of('media process is silent').length
  while (silent() === 0) await new Promise(setImmediate)
  t.notOk(server.isConnected())
  t.equal(silent(), 1)
  media.socket.resume()
  await media.closed()
})

t.test(
  'a silent connection counts as disconnected before it is dropped',
  async t => {
    const clock = new FakeClock()
    const { url, server } = await createSubject(t, { clock })
    const media = await connectMedia({ url })
    t.ok(server.isConnected())
    clock.advance(120_000)
    t.notOk(server.isConnected())
    t.match(await media.batch([]), { kind: 'ack' })
    t.ok(server.isConnected(), 'the server is connected again')
    media.cut()
  },
)

t.test('pings count towards the frame rate', async t => {
  const limits = { maxFramesPerSecond: 1 }
  const { url, ledger, settled } = await createSubject(t, { limits })
  const media = await connectMedia({ url })
  const closed = media.closed()
  for (let i = 0; i < 20; i++) media.socket.ping()
  t.equal((await closed).code, CLOSE_CODES.too_many_frames)
  await settled()
  t.equal(ledger.rejected.too_many_frames, 1)
})

t.test('a connection without hello is dropped', async t => {
  const limits = { pingIntervalMs: 20, silenceTimeoutMs: 60 }
  const { url } = await createSubject(t, { limits })
  const media = await new Media({ url }).open()
  t.equal((await media.closed()).code, 1006)
})

t.test('a connection that does not answer the close is terminated', async t => {
  const limits = { closeTimeoutMs: 20 }
  const { bound, server } = await createSubject(t, { limits })
  const socket = connect(bound.port, bound.host)
  socket.on('error', () => undefined)
  socket.write(
    'GET /ingest HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\n' +
      'Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n' +
      'Sec-WebSocket-Key: MDEyMzQ1Njc4OWFiY2RlZg==\r\n\r\n',
  )
  await once(socket, 'data')
  const ended = once(socket, 'close')
  await server.close()
  await ended
  t.pass('the server closed although the client never answered')
})

t.test(
  'a batch that cannot be stored has no ack, while gauges are updated',
  async t => {
    const kept: (() => void)[] = []
    let blocked = false
    const journal: Journal = {
      keep: () =>
        blocked
          ? new Promise(resolve => kept.push(resolve))
          : Promise.resolve(),
    }
    const { url, store, server, ledger } = await createSubject(t, { journal })
    const media = await connectMedia({ url }, { cam: 1 })
    blocked = true
    media.sendBatch([requests(1, 'cam', 4)])
    const ack = media.next()
    const udpPorts = { inUse: 77, available: 0 }
    const streams = [{ id: 'cam', running: true, peers: 5, degraded: false }]
    media.send({ kind: 'snapshot', streams, udpPorts })
    const peers = () =>
      store
        .families()
        .filter(({ name }) => name.endsWith('active_peers'))
        .flatMap(({ series }) => series.map(({ values }) => values[0]))
    while (peers()[0] !== 5) await new Promise(setImmediate)
    t.ok(server.isConnected())
    t.notOk([...shownValues(ledger).keys()].some(key => key.includes('201')))
    blocked = false
    for (const keep of kept) keep()
    t.match(await ack, { kind: 'ack', seq: 2 })
    media.cut()
  },
)

t.test(
  'server stops reading while too many frames wait, then continues',
  async t => {
    const { promise: blocked, resolve: release } =
      Promise.withResolvers<undefined>()
    const journal: Journal = {
      keep: entry => (entry.kind === 'batch' ? blocked : Promise.resolve()),
    }
    const limits = { maxWaitingFrames: 4 }
    const { url } = await createSubject(t, { journal, limits })
    const media = new Media({ url })
    await media.hello()
    for (let i = 0; i < 200; i++) media.sendBatch([])
    await new Promise(setImmediate)
    release(undefined)
    for (let seq = 1; seq <= 200; seq++) {
      const ack = await media.next()
      if (ack.seq !== seq) t.fail(`expected ack ${seq}, got ${ack.seq}`)
    }
    t.pass('all are acknowledged in order')
    media.cut()
  },
)

t.test('closed connections leak nothing', async t => {
  const { url, bound } = await createSubject(t)
  const resources = () =>
    process.getActiveResourcesInfo().filter(name => name !== 'Immediate')
  const round = async (i: number) => {
    const media = await connectMedia({ url })
    const closed = media.closed()
    if (i % 3 === 0) media.cut()
    else if (i % 3 === 1) media.socket.close(1000)
    else media.socket.send('garbage')
    await closed
    const raw = connect(bound.port, bound.host)
    raw.end('GET /ing')
    raw.resume()
    await once(raw, 'close')
  }
  for (let i = 0; i < 6; i++) await round(i)
  const before = resources()
  for (let i = 0; i < 60; i++) await round(i)
  while (resources().length > before.length) await new Promise(setImmediate)
  t.ok(resources().length <= before.length)
})

t.test(
  'any frame is rejected or applied, and a new connection works',
  async t => {
    const { url } = await createSubject(t)
    const frames = fc.oneof(
      fc.string(),
      fc.json(),
      fc.uint8Array().map(bytes => Buffer.from(bytes)),
      fc
        .record({
          kind: fc.constantFrom('hello', 'batch', 'snapshot'),
          seq: fc.oneof(fc.constant(1), fc.jsonValue()),
          cells: fc.oneof(fc.constant([]), fc.jsonValue()),
          streams: fc.oneof(fc.constant([]), fc.jsonValue()),
          udpPorts: fc.jsonValue(),
          observed: fc.constant(0),
          lost: fc.constant(0),
        })
        .map(frame => JSON.stringify(frame)),
    )
    await fc.assert(
      fc.asyncProperty(frames, fc.boolean(), async (frame, greeted) => {
        const media = await new Media({ url }).open()
        if (greeted) await media.hello()
        const closed = media.closed()
        media.socket.send(frame)
        media.socket.send('the end')
        const { code } = await closed
        return code >= 4400 || code === 1007
      }),
      { numRuns: 60 },
    )
    const media = await connectMedia({ url })
    media.cut()
  },
)
