import t from 'tap'

import { LegWatch } from '../../ingest/leg-watch.ts'

const never = () => false

const LIMITS = {
  silenceTimeoutMs: 3_000,
  startTimeoutMs: 20_000,
  pollIntervalMs: 500,
}

/** Observes every half second, with a packet where `hasPacket` says so. */
function observe(
  watch: LegWatch,
  fromMs: number,
  untilMs: number,
  hasPacket: (nowMs: number) => boolean = () => true,
) {
  const edges: string[] = []
  for (let nowMs = fromMs; nowMs <= untilMs; nowMs += 500) {
    const edge = watch.observe({ packets: hasPacket(nowMs) ? 1 : 0 }, nowMs)
    if (edge) edges.push(`${edge} at ${nowMs / 1_000}`)
  }
  return edges
}

await t.test('LegWatch goes from idle to starting to live', t => {
  const watch = new LegWatch(LIMITS)
  t.equal(watch.state, 'idle')
  t.equal(watch.silentMs(0), undefined)
  watch.senderStarted(0)
  t.equal(watch.state, 'starting')
  t.equal(watch.observe({ packets: 0 }, 4_999), undefined)
  t.equal(watch.observe({ packets: 3 }, 5_000), 'live')
  t.equal(watch.observe({ packets: 2 }, 5_500), undefined, 'reported once')
  t.equal(watch.packets, 5)
  t.equal(watch.silentMs(6_000), 500)
  t.end()
})

await t.test('LegWatch reports silence once per episode', t => {
  const watch = new LegWatch(LIMITS)
  watch.senderStarted(0)
  observe(watch, 1_000, 10_000)
  t.same(observe(watch, 10_500, 12_500, never), [])
  t.same(observe(watch, 13_000, 40_000, never), ['failed at 13'])
  t.equal(watch.cause, 'silent')
  t.same(observe(watch, 40_500, 50_000), ['live at 40.5'])
  t.equal(watch.cause, undefined)
  t.same(observe(watch, 50_500, 60_000, never), ['failed at 53'])
  t.end()
})

await t.test('LegWatch fails a silent start only after startTimeoutMs', t => {
  const watch = new LegWatch(LIMITS)
  watch.senderStarted(1_000)
  t.same(observe(watch, 1_500, 20_500, never), [])
  t.equal(watch.state, 'starting')
  t.same(observe(watch, 21_000, 21_000, never), ['failed at 21'])
  t.equal(watch.cause, 'silent')
  t.end()
})

await t.test('LegWatch gives a start more time if another leg is live', t => {
  const watch = new LegWatch(LIMITS)
  watch.senderStarted(0)
  const nothing = { packets: 0, otherIsLive: true }
  t.equal(watch.observe(nothing, 29_999), undefined)
  t.equal(watch.observe(nothing, 30_000), 'failed')
  t.end()
})

await t.test('LegWatch restarts the timeout with a new sender', t => {
  const watch = new LegWatch(LIMITS)
  watch.senderStarted(0)
  observe(watch, 500, 15_000, never)
  watch.senderStopped()
  watch.senderStarted(15_000)
  t.same(observe(watch, 15_500, 34_500, never), [])
  t.end()
})

await t.test('LegWatch keeps a leg with a picture every 8 s live', t => {
  const watch = new LegWatch(LIMITS)
  watch.senderStarted(0)
  const minutes = 10 * 60_000
  const picture = (nowMs: number) => nowMs % 8_000 === 0
  t.same(observe(watch, 8_000, minutes, picture), ['live at 8'])
  t.same(observe(watch, minutes + 500, minutes + 60_000, never), [
    'failed at 620',
  ])
  t.end()
})

await t.test('LegWatch keeps a leg with a picture every 30 s live', t => {
  const watch = new LegWatch(LIMITS)
  watch.senderStarted(0)
  const picture = (nowMs: number) => nowMs % 30_000 === 1_000
  t.same(observe(watch, 500, 10 * 60_000, picture), ['live at 1'])
  t.end()
})

await t.test('LegWatch counts a picture seen in two polls as one', t => {
  const watch = new LegWatch(LIMITS)
  watch.senderStarted(0)
  const picture = (nowMs: number) => nowMs % 8_000 < 1_000
  t.same(observe(watch, 8_000, 10 * 60_000, picture), ['live at 8'])
  t.end()
})

await t.test('LegWatch fails once when a stream becomes slow', t => {
  const watch = new LegWatch(LIMITS)
  watch.senderStarted(0)
  observe(watch, 500, 60_000)
  const picture = (nowMs: number) => nowMs % 8_000 === 0
  t.same(observe(watch, 60_500, 10 * 60_000, picture), [
    'failed at 63',
    'live at 64',
  ])
  t.end()
})

await t.test('LegWatch ignores a single hiccup', t => {
  const watch = new LegWatch(LIMITS)
  watch.senderStarted(0)
  observe(watch, 500, 10_000)
  observe(watch, 10_500, 12_500, never)
  observe(watch, 13_000, 16_000)
  t.same(observe(watch, 16_500, 30_000, never), ['failed at 19'])
  t.end()
})

await t.test('LegWatch waits 32 s before the packet interval is known', t => {
  const watch = new LegWatch(LIMITS)
  watch.senderStarted(0)
  observe(watch, 1_000, 1_500)
  t.same(observe(watch, 2_000, 33_000, never), [])
  t.same(observe(watch, 33_500, 40_000, never), ['failed at 33.5'])
  t.end()
})

await t.test(
  'LegWatch reports an unexpected payload type before startTimeoutMs',
  t => {
    const watch = new LegWatch(LIMITS)
    watch.senderStarted(0)
    const unexpected = { packets: 0, unexpected: 20 }
    t.equal(watch.observe(unexpected, 500), undefined, 'a stray packet')
    t.equal(watch.observe({ packets: 0 }, 2_500), undefined)
    t.equal(watch.observe(unexpected, 3_000), 'failed')
    t.equal(watch.cause, 'payload-type')
    t.equal(watch.observe(unexpected, 9_000), undefined, 'reported once')
    t.equal(watch.observe({ packets: 0 }, 18_000), undefined)
    t.equal(watch.cause, 'payload-type')
    watch.observe({ packets: 0 }, 19_500)
    t.equal(watch.cause, 'silent', 'ten seconds after the last one')
    t.equal(watch.observe({ packets: 1, unexpected: 9 }, 20_000), 'live')
    t.end()
  },
)

await t.test('LegWatch reports a payload type that changes', t => {
  const watch = new LegWatch(LIMITS)
  watch.senderStarted(0)
  observe(watch, 500, 10_000)
  const edges = [10_500, 11_000, 11_500, 12_000, 12_500, 13_000].map(nowMs =>
    watch.observe({ packets: 0, unexpected: 5 }, nowMs),
  )
  t.same(edges.slice(0, 5), Array(5).fill(undefined))
  t.equal(edges[5], 'failed')
  t.equal(watch.cause, 'payload-type')
  t.end()
})

await t.test(
  'LegWatch ignores other payload types beside the expected one',
  t => {
    const watch = new LegWatch(LIMITS)
    watch.senderStarted(0)
    for (let nowMs = 500; nowMs < 60_000; nowMs += 500) {
      const edge = watch.observe({ packets: 5, unexpected: 5 }, nowMs)
      t.equal(edge, nowMs === 500 ? 'live' : undefined)
    }
    t.end()
  },
)

await t.test('LegWatch reports an unexpected end once per episode', t => {
  const watch = new LegWatch(LIMITS)
  watch.senderStarted(0)
  t.equal(watch.senderFailed('encoder'), 'failed')
  watch.senderStarted(100)
  t.equal(watch.state, 'failed', 'a retry is no new episode')
  t.equal(watch.senderFailed('exit'), undefined)
  t.equal(watch.cause, 'exit', 'with the latest cause')
  t.equal(watch.senderFailed('codec', 'audio copy needs opus'), undefined)
  t.equal(watch.detail, 'audio copy needs opus')
  watch.senderStarted(200)
  t.equal(watch.observe({ packets: 1 }, 300), 'live')
  t.equal(watch.senderFailed('exit'), 'failed', 'RTP ended the episode')
  t.end()
})

await t.test('LegWatch reports a start that failed', t => {
  const watch = new LegWatch(LIMITS)
  t.equal(watch.senderFailed('bind'), 'failed')
  t.end()
})

await t.test('LegWatch goes idle after a requested stop', t => {
  const watch = new LegWatch(LIMITS)
  watch.senderStarted(0)
  watch.observe({ packets: 1 }, 10)
  watch.senderStopped()
  t.equal(watch.state, 'idle')
  t.equal(watch.observe({ packets: 0 }, 60_000), undefined)
  watch.senderStarted(60_000)
  t.equal(watch.state, 'starting')
  t.end()
})

await t.test(
  'LegWatch stays failed if packets are counted after the end',
  t => {
    const watch = new LegWatch(LIMITS)
    watch.senderStarted(0)
    watch.observe({ packets: 1 }, 10)
    watch.senderFailed('exit')
    t.equal(watch.observe({ packets: 5 }, 500), undefined)
    t.equal(watch.state, 'failed')
    t.end()
  },
)
