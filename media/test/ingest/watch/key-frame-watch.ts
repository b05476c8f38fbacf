import t from 'tap'

import { KeyFrameWatch } from '../../../ingest/watch/key-frame-watch.ts'

const SILENCE_TIMEOUT_MS = 3_000

function watchOf({ checksSpacing = true } = {}) {
  const watch = new KeyFrameWatch({
    missingMs: 10_000,
    checksSpacing,
    hint: ' (hint)',
    advice: 'advice',
  })
  watch.begin(0)
  return watch
}

/** Returns the reason of the fault at each half second, without repeats. */
function reasons(
  watch: KeyFrameWatch,
  fromMs: number,
  untilMs: number,
  everyMs: number,
  silenceTimeoutMs = SILENCE_TIMEOUT_MS,
) {
  const seen: string[] = []
  for (let nowMs = fromMs; nowMs <= untilMs; nowMs += 500) {
    if (nowMs % everyMs === 0) watch.observe(nowMs, nowMs)
    const reason = watch.fault(nowMs, silenceTimeoutMs)?.reason ?? 'none'
    if (seen.at(-1) !== reason) seen.push(reason)
  }
  return seen
}

await t.test('KeyFrameWatch reports missing key frames after missingMs', t => {
  const watch = watchOf({ checksSpacing: false })
  t.equal(watch.fault(10_000, SILENCE_TIMEOUT_MS), undefined)
  t.match(watch.fault(10_001, SILENCE_TIMEOUT_MS), {
    reason: 'no-key-frames',
    message: 'no key frame for 10 s (hint)',
  })
  watch.observe(1, 12_000)
  t.equal(watch.fault(22_000, SILENCE_TIMEOUT_MS), undefined)
  t.ok(watch.fault(22_001, SILENCE_TIMEOUT_MS))
  t.end()
})

await t.test('KeyFrameWatch accepts a key frame every five seconds', t => {
  t.same(reasons(watchOf(), 0, 60_000, 1_000), ['none'])
  t.same(reasons(watchOf(), 0, 60_000, 5_000), ['none'])
  t.end()
})

await t.test('KeyFrameWatch reports sparse key frames until they end', t => {
  const watch = watchOf()
  t.same(reasons(watch, 0, 60_000, 8_000), ['none', 'sparse-key-frames'])
  t.match(
    watch.fault(60_000, SILENCE_TIMEOUT_MS)?.message,
    /^key frames are 8 s apart/,
  )
  t.same(reasons(watch, 64_000, 80_000, 1_000), ['sparse-key-frames', 'none'])
  t.end()
})

await t.test('KeyFrameWatch tolerates a key frame that is slightly late', t => {
  t.same(reasons(watchOf(), 0, 100_000, 13_000), [
    'none',
    'sparse-key-frames',
    'no-key-frames',
    'sparse-key-frames',
  ])
  t.end()
})

await t.test('KeyFrameWatch tolerates a slow frame rate', t => {
  t.same(reasons(watchOf(), 0, 200_000, 8_000, 20_000), ['none'])
  t.same(reasons(watchOf(), 0, 200_000, 15_000, 37_500), ['none'])
  t.end()
})

await t.test('KeyFrameWatch ignores the spacing without checksSpacing', t => {
  t.same(reasons(watchOf({ checksSpacing: false }), 0, 60_000, 8_000), ['none'])
  t.end()
})

await t.test('KeyFrameWatch counts the packets of a key frame once', t => {
  const watch = watchOf()
  for (const [timestamp, nowMs] of [
    [1, 100],
    [2, 8_100],
    [2, 8_101],
  ] as const) {
    watch.observe(timestamp, nowMs)
  }
  t.equal(watch.fault(8_200, SILENCE_TIMEOUT_MS)?.reason, 'sparse-key-frames')
  t.end()
})
