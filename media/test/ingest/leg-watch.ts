import t from 'tap'

import { LegWatch } from '../../ingest/leg-watch.ts'

const LIMITS = { silenceMs: 3_000, startMs: 5_000, keyFrameMs: 10_000 }

await t.test('LegWatch goes from idle to starting to live', t => {
  const watch = new LegWatch(LIMITS)
  t.equal(watch.state, 'idle')
  t.equal(watch.silentMs(0), undefined)
  watch.senderStarted(0)
  t.equal(watch.state, 'starting')
  t.equal(watch.observe(0, 4_999), undefined)
  t.equal(watch.observe(3, 5_000), 'live')
  t.equal(watch.observe(2, 5_500), undefined, 'once')
  t.equal(watch.packets, 5)
  t.equal(watch.silentMs(6_000), 500)
  t.end()
})

await t.test('LegWatch tells silence once an episode', t => {
  const watch = new LegWatch(LIMITS)
  watch.senderStarted(0)
  watch.observe(1, 1_000)
  t.equal(watch.observe(0, 3_999), undefined)
  t.equal(watch.observe(0, 4_000), 'failed')
  t.equal(watch.cause, 'silent')
  t.equal(watch.observe(0, 9_000), undefined)
  t.equal(watch.observe(1, 9_500), 'live')
  t.equal(watch.cause, undefined)
  t.equal(watch.observe(0, 12_500), 'failed')
  t.end()
})

await t.test('LegWatch gives a start more time', t => {
  const watch = new LegWatch(LIMITS)
  watch.senderStarted(1_000)
  t.equal(watch.observe(0, 5_999), undefined)
  t.equal(watch.observe(0, 6_000), 'failed')
  t.equal(watch.cause, 'silent')
  t.end()
})

await t.test('LegWatch tells an end that nobody asked for', t => {
  const watch = new LegWatch(LIMITS)
  watch.senderStarted(0)
  t.equal(watch.senderFailed('encoder'), 'failed')
  watch.senderStarted(100)
  t.equal(watch.state, 'failed', 'a new start is no new episode')
  t.equal(watch.senderFailed('exit'), undefined)
  t.equal(watch.cause, 'exit', 'with the latest cause')
  watch.senderStarted(200)
  t.equal(watch.observe(1, 300), 'live')
  t.equal(watch.senderFailed('exit'), 'failed', 'RTP ended the episode')
  t.end()
})

await t.test('LegWatch counts a start that could not be made', t => {
  const watch = new LegWatch(LIMITS)
  t.equal(watch.senderFailed('bind'), 'failed')
  t.end()
})

await t.test('LegWatch takes an asked end for no failure', t => {
  const watch = new LegWatch(LIMITS)
  watch.senderStarted(0)
  watch.observe(1, 10)
  watch.senderStopped()
  t.equal(watch.state, 'idle')
  t.equal(watch.observe(0, 60_000), undefined)
  watch.senderStarted(60_000)
  t.equal(watch.state, 'starting')
  t.end()
})

await t.test('LegWatch takes packets counted after the end for old ones', t => {
  const watch = new LegWatch(LIMITS)
  watch.senderStarted(0)
  watch.observe(1, 10)
  watch.senderFailed('exit')
  t.equal(watch.observe(5, 500), undefined)
  t.equal(watch.state, 'failed')
  t.end()
})

await t.test('LegWatch misses key frames', t => {
  const watch = new LegWatch(LIMITS)
  watch.senderStarted(0)
  t.equal(watch.lacksKeyFrames(60_000), false, 'not before it is live')
  watch.observe(1, 1_000)
  t.equal(watch.lacksKeyFrames(11_000), false)
  t.equal(watch.lacksKeyFrames(11_001), true)
  watch.keyFrameSeen(12_000)
  t.equal(watch.lacksKeyFrames(22_000), false)
  t.equal(watch.lacksKeyFrames(22_001), true)
  t.end()
})
