import t from 'tap'

import {
  CLOSE_CODES,
  type CloseReason,
} from '../../../shared/protocol/frames.ts'
import {
  BATCH_INTERVAL_MS,
  SILENCE_TIMEOUT_MS,
} from '../../../shared/protocol/limits.ts'
import { FakeClock } from '../../../shared/test/fixtures/fake-clock.ts'
import {
  legFailure,
  startExporter,
  startOutbox,
  totalOf,
  viewOf,
} from './fixtures/outbox.ts'

t.test(
  'link reconnects after a cut and no observation counts twice',
  async t => {
    const exporter = await startExporter(t)
    const clock = new FakeClock()
    const { outbox } = startOutbox(t, exporter.url, { clock })
    for (let round = 1; round <= 20; round += 1) {
      outbox.report(legFailure('cam'))
      await clock.until(() => exporter.observed === round, 10)
      exporter.cut()
    }
    t.equal(totalOf(exporter), 20)
  },
)

t.test('link resends nothing twice after a lost ack', async t => {
  const exporter = await startExporter(t)
  const clock = new FakeClock()
  const { outbox } = startOutbox(t, exporter.url, { clock })
  exporter.script.ack = () => null
  outbox.report(legFailure('cam'))
  await clock.until(() => exporter.observed === 1, 1)
  exporter.script.ack = ({ seq }) => ({ kind: 'ack', seq })
  exporter.cut()
  outbox.report(legFailure('cam'))
  await clock.until(() => exporter.observed === 2, 10)
  t.equal(totalOf(exporter), 2)
  t.match(
    exporter.batches.map(({ seq }) => seq),
    [1, 2],
  )
})

t.test(
  'link resends everything to an exporter that lost its state',
  async t => {
    const exporter = await startExporter(t)
    const clock = new FakeClock()
    const { outbox } = startOutbox(t, exporter.url, { clock })
    for (const id of ['cam', 'other']) outbox.report(legFailure(id))
    await clock.until(() => exporter.observed === 2, 1)
    await exporter.down()
    exporter.forget()
    outbox.report(legFailure('cam'))
    await exporter.up()
    await clock.until(() => exporter.observed === 3, 10)
    t.equal(totalOf(exporter), 2)
    t.equal(exporter.shown.size, 2)
    t.equal(exporter.batches.at(-1)?.seq, 1)
  },
)

t.test(
  'link resends everything after a welcome with a seq before the last ack',
  async t => {
    const exporter = await startExporter(t)
    const clock = new FakeClock()
    const { outbox } = startOutbox(t, exporter.url, { clock })
    for (const [i, id] of ['a', 'b', 'c'].entries()) {
      outbox.report(legFailure(id))
      await clock.until(() => exporter.observed === i + 1, 10)
    }
    exporter.pretendSeq(1)
    exporter.cut()
    await clock.until(() => exporter.batches.length === 4, 10)
    t.match(exporter.batches.at(-1), {
      seq: 2,
      cells: [
        { labels: ['a', 'video'] },
        { labels: ['b', 'video'] },
        { labels: ['c', 'video'] },
      ],
    })
  },
)

t.test(
  'link resends everything after a welcome with a seq never sent, and logs it',
  async t => {
    const exporter = await startExporter(t)
    const clock = new FakeClock()
    const { outbox, logged } = startOutbox(t, exporter.url, { clock })
    outbox.report(legFailure('cam'))
    await clock.until(() => exporter.observed === 1, 1)
    exporter.pretendSeq(500)
    exporter.cut()
    await clock.until(() => exporter.batches.length === 2, 10)
    t.match(exporter.batches.at(-1), { seq: 501, cells: [{ total: 1 }] })
    t.equal(logged('never sent').length, 1)
  },
)

t.test('link reconnects after an invalid ack and loses nothing', async t => {
  const nonsense = [
    '',
    'hello',
    '[]',
    '{"kind":"batch"}',
    '{"kind":"ack"}',
    '{"kind":"ack","seq":-1}',
    '{"kind":"ack","seq":0}',
    '{"kind":"ack","seq":7}',
    '{"kind":"welcome","seq":0}',
    '{"kind":"ack","seq":9007199254740993}',
    '\u0000'.repeat(1000),
    'x'.repeat(2 * 1024 * 1024),
  ]
  for (const text of nonsense) {
    const exporter = await startExporter(t)
    const clock = new FakeClock()
    const { outbox } = startOutbox(t, exporter.url, { clock })
    let left = 2
    exporter.script.ack = ({ seq }) => {
      left -= 1
      return left > 0 ? text : { kind: 'ack', seq }
    }
    outbox.report(legFailure('cam'))
    await clock.until(() => exporter.connections === 2, 10)
    outbox.report(legFailure('cam'))
    await clock.until(() => exporter.observed === 2, 10)
    t.equal(totalOf(exporter), 2, JSON.stringify(text.slice(0, 40)))
  }
})

t.test(
  'link reconnects after an invalid welcome and loses nothing',
  async t => {
    for (const text of [
      '',
      'no',
      '{"kind":"ack","seq":1}',
      '{"kind":"welcome","seq":9007199254740991}',
    ]) {
      const exporter = await startExporter(t)
      const clock = new FakeClock()
      let first = true
      const honest = exporter.script.welcome
      exporter.script.welcome = (hello, kept) => {
        if (!first) return honest(hello, kept)
        first = false
        return text
      }
      const { outbox } = startOutbox(t, exporter.url, { clock })
      outbox.report(legFailure('cam'))
      await clock.until(() => exporter.observed === 1, 10)
      t.equal(exporter.connections, 2, JSON.stringify(text))
    }
  },
)

t.test(
  'link logs each close reason once, however often it repeats',
  async t => {
    const clock = new FakeClock()
    const messages = new Set<string>()
    for (const reason of Object.keys(CLOSE_CODES) as CloseReason[]) {
      const exporter = await startExporter(t)
      exporter.script.welcome = () => CLOSE_CODES[reason]
      const { records } = startOutbox(t, exporter.url, { clock })
      await clock.until(() => exporter.connections === 4, 50)
      t.equal(records.length, 1, reason)
      t.match(records[0], { code: CLOSE_CODES[reason] })
      messages.add(String(records[0]?.['message']))
    }
    t.equal(messages.size, Object.keys(CLOSE_CODES).length, 'one message each')
    t.ok([...messages].some(message => message.includes('CORE_ID')))
  },
)

t.test(
  'link logs a rejected upgrade once, explained by its status',
  async t => {
    const clock = new FakeClock()
    for (const [status, says] of [
      [401, 'CORE_EXPORTER_TOKEN'],
      [403, 'CORE_EXPORTER_TOKEN'],
      [404, 'CORE_EXPORTER_URL'],
      [200, 'CORE_EXPORTER_URL'],
      [503, 'too many connections'],
    ] as const) {
      const exporter = await startExporter(t)
      let attempts = 0
      exporter.script.upgrade = () => {
        attempts += 1
        return attempts < 4 ? status : 101
      }
      const { outbox, logged } = startOutbox(t, exporter.url, { clock })
      outbox.report(legFailure('cam'))
      await clock.until(() => exporter.observed === 1, 50)
      t.equal(logged(says).length, 1, says)
    }
  },
)

t.test(
  'a token that no header can carry is logged without its text',
  async t => {
    const exporter = await startExporter(t)
    const clock = new FakeClock()
    const { outbox, records } = startOutbox(t, exporter.url, {
      clock,
      token: 'line\nbreak',
    })
    outbox.report(legFailure('cam'))
    clock.advance(60_000)
    t.equal(records.length, 1)
    t.notMatch(JSON.stringify(records[0]), /line.*break/)
    t.equal(exporter.connections, 0)
  },
)

t.test(
  'link logs an absent exporter once and reconnects soon after its return',
  async t => {
    const exporter = await startExporter(t)
    await exporter.down()
    const clock = new FakeClock()
    const { outbox, records } = startOutbox(t, exporter.url, { clock })
    await clock.until(() => clock.steadyMs() > 600_000, 100)
    t.equal(records.length, 1)
    outbox.report(legFailure('cam'))
    await exporter.up()
    const backMs = clock.steadyMs()
    await clock.until(() => exporter.observed === 1, 10)
    t.ok(clock.steadyMs() - backMs < 3_000)
    await clock.until(() => records.length > 1)
    t.match(records.slice(1), [{ message: 'exporter connected' }])
  },
)

t.test(
  'link drops an exporter that stops responding and reconnects',
  async t => {
    const exporter = await startExporter(t)
    const clock = new FakeClock()
    const { outbox, records } = startOutbox(t, exporter.url, { clock })
    await clock.until(() => exporter.frames.length === 2)
    exporter.freeze()
    const frozenMs = clock.steadyMs()
    await clock.until(() => records.length === 2, 50)
    t.ok(clock.steadyMs() - frozenMs >= SILENCE_TIMEOUT_MS)
    outbox.report(legFailure('cam'))
    await clock.until(() => exporter.observed === 1, 10)
    t.match(records[1], { message: /does not respond/ })
  },
)

t.test('link sends periodic snapshots while an ack is missing', async t => {
  const exporter = await startExporter(t)
  const clock = new FakeClock()
  const { outbox } = startOutbox(t, exporter.url, { clock })
  await clock.until(() => exporter.frames.length === 2)
  exporter.script.ack = () => null
  outbox.report(legFailure('cam'))
  await clock.until(() => exporter.batches.length === 1, 10)
  const snapshots = () =>
    exporter.frames.filter(({ kind }) => kind === 'snapshot').length
  await clock.until(() => {
    outbox.report(legFailure('cam'))
    return snapshots() === 6
  }, 50)
  t.ok(clock.steadyMs() > SILENCE_TIMEOUT_MS)
  t.equal(exporter.batches.length, 1, 'no second batch')
  t.equal(exporter.connections, 1)
})

t.test('link drops an exporter that never sends a welcome', async t => {
  const exporter = await startExporter(t)
  const clock = new FakeClock()
  exporter.script.welcome = () => null
  startOutbox(t, exporter.url, { clock })
  await clock.until(() => exporter.connections === 3, 50)
  t.ok(clock.steadyMs() < 2 * SILENCE_TIMEOUT_MS)
})

t.test('link sends nothing more to an exporter that stops reading', async t => {
  const exporter = await startExporter(t)
  const clock = new FakeClock()
  const ids = Array.from({ length: 4_000 }, (_, i) => `${'x'.repeat(120)}${i}`)
  const view = viewOf(...ids)
  let looked = 0
  const { outbox } = startOutbox(t, exporter.url, {
    clock,
    view: () => {
      looked += 1
      return view
    },
  })
  await clock.until(() => exporter.frames.length === 2)
  exporter.freeze()
  outbox.report(legFailure('cam'))
  clock.advance(BATCH_INTERVAL_MS)
  const before = looked
  for (let i = 0; i < 100; i += 1) {
    outbox.report(legFailure('cam'))
    outbox.changed()
    clock.advance(BATCH_INTERVAL_MS)
  }
  // The periodic tick of 5 s reads the view, and requests a snapshot.
  t.ok(looked - before <= 5, `${looked - before} snapshots in 10 s`)
})

t.test(
  'snapshots do not pile up for an exporter that stops reading',
  async t => {
    const exporter = await startExporter(t)
    const clock = new FakeClock()
    const ids = Array.from(
      { length: 5_000 },
      (_, i) => `${'x'.repeat(120)}${i}`,
    )
    const view = viewOf(...ids)
    let looked = 0
    const { outbox } = startOutbox(t, exporter.url, {
      clock,
      view: () => {
        looked += 1
        return view
      },
    })
    await clock.until(() => exporter.frames.length === 2)
    exporter.freeze()
    const stuck = () => {
      const before = looked
      outbox.changed()
      clock.advance(BATCH_INTERVAL_MS)
      return looked === before
    }
    let rounds = 0
    await clock.until(() => {
      rounds += 1
      return stuck() && stuck() && stuck()
    })
    t.ok(rounds < 100, `${rounds} snapshots of 0.8 MB went into the sockets`)
  },
)
