import fc from 'fast-check'
import t from 'tap'
import { CATALOGUE, WHEP_ROUTES } from '../../protocol/catalogue.ts'
import { DEGRADED_REASONS } from '../../protocol/degraded.ts'
import {
  decodeExporterFrame,
  decodeMediaFrame,
  encodeFrame,
  ProtocolError,
  readMediaFrame,
  type Batch,
  type Cell,
  type Snapshot,
} from '../../protocol/frames.ts'
import { parseStreamId } from '../../protocol/ids.ts'
import {
  MAX_CELLS,
  MAX_CELLS_PER_BATCH,
  MAX_FRAME_BYTES,
  MAX_STREAMS_PER_SNAPSHOT,
} from '../../protocol/limits.ts'

const BOOT = '11111111-1111-4111-8111-111111111111'
const HELLO = { kind: 'hello', protocol: 1, core: 'a', boot: BOOT }
const CELL = { cell: 1, family: 'f', labels: ['x'], total: 2 }
const HISTOGRAM = { cell: 1, family: 'f', labels: [], buckets: [0, 2], sum: 3 }
const BATCH = { kind: 'batch', seq: 1, observed: 2, lost: 0, cells: [CELL] }
const STREAM = { id: 'cam', running: true, peers: 2, degraded: false }
const SNAPSHOT = {
  kind: 'snapshot',
  streams: [STREAM],
  udpPorts: { inUse: 1, available: 2 },
}

t.test('decodeMediaFrame() reads what encodeFrame() wrote', t => {
  const batch = { ...BATCH, cells: [CELL, HISTOGRAM] }
  for (const frame of [HELLO, BATCH, batch, SNAPSHOT]) {
    const read = decodeMediaFrame(JSON.stringify(frame))
    t.same(read, frame)
    t.same(decodeMediaFrame(encodeFrame(read)), frame)
  }
  t.end()
})

t.test('decodeExporterFrame() reads welcome and ack', t => {
  for (const kind of ['welcome', 'ack'] as const) {
    t.same(decodeExporterFrame(encodeFrame({ kind, seq: 3 })), { kind, seq: 3 })
    t.throws(() => decodeExporterFrame(`{"kind":"${kind}"}`), ProtocolError)
  }
  t.throws(() => decodeExporterFrame('{"kind":"hello"}'), /welcome or ack/)
  t.throws(
    () => decodeExporterFrame('null'),
    /expected the frame to be an object/,
  )
  t.end()
})

t.test('decodeMediaFrame() reads why a stream is degraded', t => {
  const read = (fields: object) => {
    const streams = [{ ...STREAM, degraded: true, ...fields }]
    const frame = readMediaFrame({ ...SNAPSHOT, streams })
    return frame.kind === 'snapshot' && frame.streams[0]?.degraded_reason
  }
  for (const code of DEGRADED_REASONS) {
    t.equal(read({ degraded_reason: code }), code)
  }
  t.equal(read({}), undefined, 'an older media process sends none')
  t.equal(
    read({ degraded_reason: 'gremlins' }),
    'other',
    'a newer one may send an unknown reason',
  )
  t.throws(() => read({ degraded_reason: 1 }), ProtocolError)
  t.throws(() => read({ degraded_reason: 'x'.repeat(257) }), ProtocolError)
  t.end()
})

t.test('decodeMediaFrame() reads whether the media process drains', t => {
  const read = (fields: object) => {
    const frame = readMediaFrame({ ...SNAPSHOT, ...fields })
    return frame.kind === 'snapshot' && frame.draining
  }
  t.equal(read({ draining: true }), true)
  t.notOk(read({ draining: false }))
  t.notOk(read({}), 'an older media process does not say')
  t.throws(() => read({ draining: 1 }), ProtocolError)
  t.end()
})

t.test('decodeMediaFrame() reads whether a stream is asleep', t => {
  const read = (fields: object) => {
    const streams = [{ ...STREAM, ...fields }]
    const frame = readMediaFrame({ ...SNAPSHOT, streams })
    return frame.kind === 'snapshot' && frame.streams[0]?.asleep
  }
  t.equal(read({ asleep: true }), true)
  t.notOk(read({ asleep: false }))
  t.notOk(read({}), 'an older media process sends none')
  t.throws(() => read({ asleep: 1 }), ProtocolError)
  t.end()
})

t.test('decodeMediaFrame() drops unknown fields', t => {
  const frame = { ...HELLO, __proto__: 1, more: { than: 'needed' } }
  t.same(Object.keys(readMediaFrame(frame)), Object.keys(HELLO))
  t.end()
})

const MALFORMED: readonly (readonly [string, unknown, RegExp])[] = [
  ['a list', [], /the frame to be an object, got a list$/],
  ['null', null, /the frame to be an object, got null/],
  ['no kind', {}, /kind to be hello, batch or snapshot, got nothing/],
  ['an invalid boot id', { ...HELLO, boot: 'x' }, /boot to be a lower-case/],
  ['no core', { ...HELLO, core: 1 }, /core to be text of at most 256/],
  ['a long core', { ...HELLO, core: 'x'.repeat(257) }, /at most 256/],
  ['a seq below 0', { ...BATCH, seq: -1 }, /seq to be a whole number from 0/],
  ['a fractional seq', { ...BATCH, seq: 0.5 }, /seq to be a whole number/],
  ['a huge seq', { ...BATCH, seq: 2 ** 53 }, /seq to be a whole number/],
  ['no cells', { ...BATCH, cells: {} }, /cells to be a list of at most 1000/],
  [
    'too many cells',
    { ...BATCH, cells: Array(MAX_CELLS_PER_BATCH + 1).fill(CELL) },
    /cells to be a list of at most 1000 items/,
  ],
  [
    'a total that is NaN',
    { ...BATCH, cells: [{ ...CELL, total: NaN }] },
    /total to be a whole number from 0, got null/,
  ],
  [
    'a total below 0',
    { ...BATCH, cells: [{ ...CELL, total: -1 }] },
    /total to be a whole number from 0, got -1/,
  ],
  [
    'a label that is not a string',
    { ...BATCH, cells: [{ ...CELL, labels: [1] }] },
    /cells\[0\]\.labels\[0\] to be text, got 1$/,
  ],
  [
    'a bucket below 0',
    { ...BATCH, cells: [{ ...HISTOGRAM, buckets: [-1] }] },
    /cells\[0\]\.buckets\[0\] to be a whole number/,
  ],
  [
    'a sum below 0',
    { ...BATCH, cells: [{ ...HISTOGRAM, sum: -0.1 }] },
    /sum to be a finite number from 0/,
  ],
  [
    'a stream without `degraded`',
    { ...SNAPSHOT, streams: [{ ...STREAM, degraded: undefined }] },
    /degraded to be true or false, got nothing/,
  ],
  [
    'a stream called _unknown',
    { ...SNAPSHOT, streams: [{ ...STREAM, id: '_unknown' }] },
    /id to be a stream id/,
  ],
  [
    'too many streams',
    {
      ...SNAPSHOT,
      streams: Array(MAX_STREAMS_PER_SNAPSHOT + 1).fill(STREAM),
    },
    /streams to be a list of at most 5000 items/,
  ],
  [
    'running that is not a boolean',
    { ...SNAPSHOT, streams: [{ ...STREAM, running: 1 }] },
    /running to be true or false/,
  ],
  ['no ports', { ...SNAPSHOT, udpPorts: [] }, /udpPorts to be an object/],
]

for (const [name, frame, expected] of MALFORMED) {
  t.test(`decodeMediaFrame() rejects a frame with ${name}`, t => {
    try {
      decodeMediaFrame(JSON.stringify(frame))
      t.fail('expected it to throw')
    } catch (error) {
      t.type(error, ProtocolError)
      t.match(error, { reason: 'malformed', message: expected })
    }
    t.end()
  })
}

t.test('decodeMediaFrame() rejects text that is not JSON or too long', t => {
  t.throws(() => decodeMediaFrame('{'), /not JSON/)
  const long = ' '.repeat(MAX_FRAME_BYTES + 1)
  t.throws(() => decodeMediaFrame(long), /limit is 1310720/)
  t.end()
})

t.test('decodeMediaFrame() rejects a deeply nested frame', t => {
  const deep = '['.repeat(300_000) + ']'.repeat(300_000)
  for (const frame of [deep, `{"kind":${deep}}`]) {
    t.throws(() => decodeMediaFrame(frame), /got a list$/)
    t.throws(() => decodeExporterFrame(frame), ProtocolError)
  }
  t.end()
})

t.test('decodeMediaFrame() reads any text or throws a ProtocolError', t => {
  const text = fc.oneof(
    fc.string(),
    fc.json(),
    fc
      .record({
        kind: fc.constantFrom('hello', 'batch', 'snapshot', 'ack'),
        protocol: fc.jsonValue(),
        core: fc.jsonValue(),
        boot: fc.oneof(fc.uuid(), fc.jsonValue()),
        seq: fc.oneof(fc.nat(), fc.jsonValue()),
        observed: fc.nat(),
        lost: fc.nat(),
        cells: fc.array(fc.jsonValue()),
        streams: fc.array(fc.jsonValue()),
        udpPorts: fc.jsonValue(),
      })
      .map(frame => JSON.stringify(frame)),
  )
  fc.assert(
    fc.property(text, text => {
      for (const decode of [decodeMediaFrame, decodeExporterFrame]) {
        try {
          decode(text)
        } catch (error) {
          if (!(error instanceof ProtocolError)) return false
        }
      }
      return true
    }),
    { numRuns: 2000 },
  )
  t.end()
})

t.test('the largest batch and snapshot fit the frame limit', t => {
  const id = parseStreamId('x'.repeat(128))
  const most = Number.MAX_SAFE_INTEGER
  const cell: Cell = {
    cell: MAX_CELLS,
    family: 'dragonfork_webrtc_ice_establishment_duration_seconds',
    labels: [WHEP_ROUTES.DELETE, id],
    buckets: Array<number>(9).fill(most),
    sum: Number.MAX_VALUE,
  }
  t.ok(cell.family in CATALOGUE)
  const batch: Batch = {
    kind: 'batch',
    seq: most,
    observed: most,
    lost: most,
    cells: Array<Cell>(MAX_CELLS_PER_BATCH).fill(cell),
  }
  const stream = {
    id,
    running: false,
    asleep: true,
    peers: most,
    degraded: true,
    degraded_reason: 'sparse-key-frames',
  } as const
  const snapshot: Snapshot = {
    kind: 'snapshot',
    streams: Array<typeof stream>(MAX_STREAMS_PER_SNAPSHOT).fill(stream),
    udpPorts: { inUse: most, available: most },
  }
  for (const frame of [batch, snapshot]) {
    const bytes = Buffer.byteLength(encodeFrame(frame))
    t.ok(bytes <= MAX_FRAME_BYTES, `${bytes} bytes`)
    t.same(decodeMediaFrame(encodeFrame(frame)).kind, frame.kind)
  }
  t.end()
})
