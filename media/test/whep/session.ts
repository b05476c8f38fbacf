import t, { type Test } from 'tap'
import type { ViewerState } from '../../whep/stream-port.ts'
import { readFragment } from '../../whep/fragment.ts'
import { viewerAdmission } from '../../whep/admission.ts'
import { Sessions } from '../../whep/sessions.ts'
import { memoryLog } from '../../../shared/test/fixtures/memory-log.ts'
import { FakeClock } from '../../../shared/test/fixtures/fake-clock.ts'
import { CountedSlots } from './fixtures/counted-slots.ts'
import { FakeViewerStream } from './fixtures/fake-viewer-stream.ts'
import { Observations } from './fixtures/observations.ts'
import { CHROMIUM, fragmentOf } from './fixtures/offers.ts'

const ICE_TIMEOUT_MS = 10_000
const DISCONNECT_TIMEOUT_MS = 5_000

/** A viewer that was just sent its answer. */
async function offered(t: Test) {
  const clock = new FakeClock()
  const observations = new Observations()
  const stream = new FakeViewerStream('av', { video: 'h264', audio: 'opus' })
  const { log, records } = memoryLog()
  const slots = new CountedSlots({ total: 1, perStream: 0 })
  const sessions = new Sessions({
    admission: viewerAdmission({ slots, report: observations.report }),
    iceTimeoutMs: ICE_TIMEOUT_MS,
    clock,
    log,
    onChange: () => undefined,
  })
  t.teardown(() => sessions.close())
  const client = { userAgent: 'test', signal: new AbortController().signal }
  const { session } = await sessions.open(stream, CHROMIUM, client)
  const transport = stream.last
  /** Asserts why it ended, what was counted, and that nothing leaks. */
  const assertEnded = (
    why: string,
    counted: {
      result?: 'connected' | 'failed'
      reason?: 'timeout' | 'failed' | 'disconnected'
    },
  ) => {
    t.same(session.state, { at: 'ended', why })
    t.equal(transport.closed, true)
    t.equal(clock.pending, 0, 'no timer remains')
    t.equal(slots.taken, 0)
    t.equal(sessions.of('av').length, 0)
    const failures = observations.of('ice_failures_total')
    t.same(
      failures.map(({ labels }) => labels),
      counted.reason ? [{ stream_id: 'av', reason: counted.reason }] : [],
    )
    const outcomes = observations.of('ice_establishment_duration_seconds')
    t.same(
      outcomes.map(({ labels }) => labels),
      counted.result ? [{ stream_id: 'av', result: counted.result }] : [],
    )
    t.equal(records.length, 1, 'the end is logged once')
    t.notMatch(
      JSON.stringify(records),
      session.id,
      'the log lacks the session id, which is a capability',
    )
  }
  return { clock, observations, sessions, session, transport, assertEnded }
}

t.test(
  'a connection is counted once, with the time since the answer',
  async t => {
    const { clock, observations, session, transport } = await offered(t)
    clock.advance(250)
    transport.become('checking')
    transport.become('connected')
    transport.become('disconnected')
    transport.become('connected')
    const outcomes = observations.of('ice_establishment_duration_seconds')
    t.match(outcomes, [{ labels: { result: 'connected' }, value: 0.25 }])
    t.equal(outcomes.length, 1)
    t.equal(session.state.at, 'connected')
    t.equal(clock.pending, 0)
  },
)

t.test(
  'a session without STUN ends as ice-timeout and counts timeout',
  async t => {
    const { clock, observations, assertEnded } = await offered(t)
    clock.advance(ICE_TIMEOUT_MS - 1)
    t.equal(observations.count('ice_failures_total'), 0)
    clock.advance(1)
    assertEnded('ice-timeout', { result: 'failed', reason: 'timeout' })
    t.match(observations.of('ice_establishment_duration_seconds'), [
      { value: ICE_TIMEOUT_MS / 1000 },
    ])
  },
)

t.test(
  'a session with ICE but no DTLS ends as ice-failed at the timeout',
  async t => {
    const { clock, transport, assertEnded } = await offered(t)
    transport.become('checking')
    clock.advance(ICE_TIMEOUT_MS)
    assertEnded('ice-failed', { result: 'failed', reason: 'failed' })
  },
)

t.test(
  'a session that loses ICE before DTLS ends as ice-failed at the timeout',
  async t => {
    const { clock, transport, assertEnded } = await offered(t)
    transport.become('checking')
    transport.become('disconnected')
    clock.advance(ICE_TIMEOUT_MS)
    assertEnded('ice-failed', { result: 'failed', reason: 'failed' })
  },
)

const OFFERED_ENDS = [
  { state: 'dtls-failed', why: 'ice-failed', reason: 'failed' },
  { state: 'worker-died', why: 'worker-died', reason: 'failed' },
  { state: 'dtls-closed', why: 'left' },
  { state: 'stream-ended', why: 'stream-ended' },
] as const satisfies readonly {
  state: ViewerState
  why: string
  reason?: 'failed'
}[]

for (const { state, why, ...counted } of OFFERED_ENDS) {
  t.test(
    `${state} before the first connection ends the session as ${why}`,
    async t => {
      const { transport, assertEnded } = await offered(t)
      transport.become(state)
      const failed = 'reason' in counted ? { result: 'failed' as const } : {}
      assertEnded(why, { ...counted, ...failed })
    },
  )

  t.test(`${state} while connected ends the session as ${why}`, async t => {
    const { transport, assertEnded } = await offered(t)
    transport.become('connected')
    transport.become(state)
    assertEnded(why, { ...counted, result: 'connected' })
  })

  t.test(`${state} while disconnected ends the session as ${why}`, async t => {
    const { transport, assertEnded } = await offered(t)
    transport.become('connected')
    transport.become('disconnected')
    transport.become(state)
    assertEnded(why, { ...counted, result: 'connected' })
  })
}

t.test('a viewer that stays disconnected ends as ice-disconnected', async t => {
  const { clock, session, transport, assertEnded } = await offered(t)
  transport.become('connected')
  transport.become('disconnected')
  clock.advance(DISCONNECT_TIMEOUT_MS - 1)
  t.equal(session.state.at, 'disconnected')
  clock.advance(1)
  assertEnded('ice-disconnected', {
    result: 'connected',
    reason: 'disconnected',
  })
})

t.test('a viewer that reconnects in time keeps its session', async t => {
  const { clock, observations, session, transport } = await offered(t)
  transport.become('connected')
  transport.become('disconnected')
  clock.advance(DISCONNECT_TIMEOUT_MS - 1)
  transport.become('connected')
  clock.advance(60_000)
  t.equal(session.state.at, 'connected')
  t.equal(observations.count('ice_failures_total'), 0)
})

t.test(
  'an ICE restart while disconnected starts the timeout again',
  async t => {
    const { clock, session, transport } = await offered(t)
    transport.become('connected')
    transport.become('disconnected')
    clock.advance(DISCONNECT_TIMEOUT_MS - 1)
    const credentials = { ufrag: 'new', pwd: 'n'.repeat(22) }
    const fragment = readFragment(fragmentOf(CHROMIUM, credentials))
    await session.patch(fragment, () => undefined)
    clock.advance(DISCONNECT_TIMEOUT_MS - 1)
    t.equal(session.state.at, 'disconnected')
    transport.become('connected')
    t.equal(session.state.at, 'connected')
  },
)

for (const why of ['deleted', 'kicked', 'abandoned', 'shutdown'] as const) {
  t.test(`${why} before the first connection counts nothing`, async t => {
    const { sessions, session, assertEnded } = await offered(t)
    if (why === 'shutdown') await sessions.close()
    else session.end(why)
    assertEnded(why, {})
  })

  t.test(`${why} while disconnected counts no ICE failure`, async t => {
    const { session, transport, assertEnded } = await offered(t)
    transport.become('connected')
    transport.become('disconnected')
    session.end(why)
    assertEnded(why, { result: 'connected' })
  })
}

t.test('a session ends once, for the first reason', async t => {
  const { clock, session, transport, assertEnded } = await offered(t)
  session.end('deleted')
  session.end('kicked')
  transport.become('worker-died')
  clock.advance(ICE_TIMEOUT_MS + DISCONNECT_TIMEOUT_MS)
  assertEnded('deleted', {})
})

t.test('a transport that changed state before onState is handled', async t => {
  const { sessions, clock, observations } = await offered(t)
  await sessions.close()
  const stream = new FakeViewerStream('late', { video: 'h264' })
  const laterSlots = new CountedSlots()
  const later = new Sessions({
    admission: viewerAdmission({
      slots: laterSlots,
      report: observations.report,
    }),
    iceTimeoutMs: ICE_TIMEOUT_MS,
    clock,
    log: memoryLog().log,
    onChange: () => undefined,
  })
  t.teardown(() => later.close())
  const client = { userAgent: '', signal: new AbortController().signal }
  for (const [state, code] of [
    ['worker-died', 'worker-unavailable'],
    ['stream-ended', 'stream-not-live'],
  ] as const) {
    stream.initial = state
    await t.rejects(later.open(stream, CHROMIUM, client), { code })
    t.equal(stream.open, 0)
    t.equal(laterSlots.taken, 0)
  }
  stream.initial = 'connected'
  const { session } = await later.open(stream, CHROMIUM, client)
  t.equal(session.state.at, 'connected')
  t.equal(observations.count('ice_failures_total'), 0)
})
