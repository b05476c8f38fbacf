import t from 'tap'
import { waitFor } from '../../../shared/test/fixtures/wait-for.ts'
import { Demand } from '../../stream/demand.ts'

const NEVER = new AbortController().signal

/** A demand over a stream and a sender that only record what happens. */
function demand({ timeoutMs = 60_000, idleMs = 0 } = {}) {
  const calls: string[] = []
  const stream = {
    started: true,
    live: false,
    over: false,
    ready: false,
    isReady: () => stream.ready,
    stop: () => {
      calls.push('close')
      return Promise.resolve()
    },
  }
  const stopping = Promise.withResolvers<undefined>()
  const sender = {
    start: () => {
      calls.push('start')
    },
    stop: async () => {
      calls.push('stop')
      await stopping.promise
    },
  }
  const made = new Demand({
    stream,
    idleMs,
    timeoutMs,
    fault: () => undefined,
    onChange: () => undefined,
  })
  made.begin(sender)
  calls.length = 0
  const stopped = () => {
    stopping.resolve(undefined)
  }
  return { demand: made, stream, sender, calls, stopped }
}

t.test('at the time limit one leg is enough', async t => {
  const { demand: made, stream } = demand({ timeoutMs: 1 })
  stream.live = true
  await made.hold(['video', 'audio'], NEVER)
  t.notOk(made.asleep)
})

t.test('at the time limit a stream without RTP is refused', async t => {
  const { demand: made, calls } = demand({ timeoutMs: 1 })
  await t.rejects(made.hold(['video'], NEVER), {
    code: 'not-started',
    message: /^No RTP arrived within 0.001 s of .*: FFmpeg has sent none yet$/,
  })
  await waitFor(() => calls.includes('stop'))
  t.ok(made.asleep)
})

t.test('a wait that is aborted releases its hold', async t => {
  const { demand: made, calls } = demand()
  const left = new AbortController()
  const waiting = made.hold(['video'], left.signal)
  left.abort()
  await t.rejects(waiting, { code: 'deadline' })
  await waitFor(() => calls.includes('stop'))
  await t.rejects(made.hold(['video'], left.signal), { code: 'deadline' })
})

t.test('the number of waiting viewers is limited', async t => {
  const { demand: made } = demand()
  const left = new AbortController()
  const waits = Array.from({ length: 1_000 }, () =>
    made.hold(['video'], left.signal).catch(() => 'left'),
  )
  await t.rejects(made.hold(['video'], NEVER), {
    code: 'not-started',
    message: /^1000 viewers wait/,
  })
  left.abort()
  t.same(new Set(await Promise.all(waits)), new Set(['left']))
})

t.test('the legs are closed after the sender has stopped', async t => {
  const { demand: made, stream, calls, stopped } = demand()
  stream.ready = true
  const hold = await made.hold(['video'], NEVER)
  hold.release()
  await waitFor(() => calls.includes('stop'))
  const next = made.hold(['video'], NEVER)
  t.same(calls, ['start', 'stop'], 'it is not started while it stops')
  t.notOk(made.asleep, 'somebody waits')
  stopped()
  await next
  t.same(calls, ['start', 'stop', 'close', 'start'])
})

t.test('an end while it stops leaves the rest to the process', async t => {
  const { demand: made, stream, sender, calls, stopped } = demand()
  stream.ready = true
  const hold = await made.hold(['video'], NEVER)
  hold.release()
  await waitFor(() => calls.includes('stop'))
  const waiting = made.hold(['video'], NEVER)
  made.end()
  stopped()
  made.begin(sender)
  await waiting
  t.same(calls, ['start', 'stop', 'start'], 'a waiting viewer outlives it')
  made.end()
  stream.started = false
  await t.rejects(made.hold(['video'], NEVER), { code: 'not-started' })
})

t.test('an end while it is idle cancels the stop', async t => {
  const { demand: made, stream, sender, calls } = demand({ idleMs: 600_000 })
  stream.ready = true
  const hold = await made.hold(['video'], NEVER)
  hold.release()
  made.end()
  t.same(calls, ['start'])
  made.begin(sender)
  t.same(calls, ['start', 'close'], 'the next start finds nothing open')
  t.ok(made.asleep)
})
