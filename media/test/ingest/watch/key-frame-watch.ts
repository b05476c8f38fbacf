import t from 'tap'

import { KeyFrameWatch } from '../../../ingest/watch/key-frame-watch.ts'

const PATIENCE_MS = 3_000

function watchOf({ judgesGaps = true } = {}) {
  const watch = new KeyFrameWatch({
    missingMs: 10_000,
    judgesGaps,
    hint: ' (hint)',
    advice: 'advice',
  })
  watch.begin(0)
  return watch
}

/** What it says every half second, without repetitions. */
function says(
  watch: KeyFrameWatch,
  fromMs: number,
  untilMs: number,
  everyMs: number,
  patienceMs = PATIENCE_MS,
) {
  const said: string[] = []
  for (let nowMs = fromMs; nowMs <= untilMs; nowMs += 500) {
    if (nowMs % everyMs === 0) watch.seen(nowMs, nowMs)
    const reason = watch.fault(nowMs, patienceMs)?.reason ?? 'well'
    if (said.at(-1) !== reason) said.push(reason)
  }
  return said
}

await t.test('KeyFrameWatch misses key frames', t => {
  const watch = watchOf({ judgesGaps: false })
  t.equal(watch.fault(10_000, PATIENCE_MS), undefined)
  t.match(watch.fault(10_001, PATIENCE_MS), {
    reason: 'no-key-frames',
    words: 'no key frame for 10 s (hint)',
  })
  watch.seen(1, 12_000)
  t.equal(watch.fault(22_000, PATIENCE_MS), undefined)
  t.ok(watch.fault(22_001, PATIENCE_MS))
  t.end()
})

await t.test('KeyFrameWatch is content with one a second', t => {
  t.same(says(watchOf(), 0, 60_000, 1_000), ['well'])
  t.same(says(watchOf(), 0, 60_000, 5_000), ['well'], 'or in five')
  t.end()
})

await t.test('KeyFrameWatch tells that they are far apart, all the time', t => {
  const watch = watchOf()
  t.same(says(watch, 0, 60_000, 8_000), ['well', 'sparse-key-frames'])
  t.match(watch.fault(60_000, PATIENCE_MS)?.words, /^key frames are 8 s apart/)
  t.same(says(watch, 64_000, 80_000, 1_000), ['sparse-key-frames', 'well'])
  t.end()
})

await t.test('KeyFrameWatch misses none that is not late', t => {
  t.same(says(watchOf(), 0, 100_000, 13_000), [
    'well',
    'sparse-key-frames',
    'no-key-frames',
    'sparse-key-frames',
  ])
  t.end()
})

await t.test('KeyFrameWatch lets slow pictures be', t => {
  t.same(says(watchOf(), 0, 200_000, 8_000, 20_000), ['well'])
  t.same(says(watchOf(), 0, 200_000, 15_000, 37_500), ['well'])
  t.end()
})

await t.test('KeyFrameWatch says nothing of what we encode', t => {
  t.same(says(watchOf({ judgesGaps: false }), 0, 60_000, 8_000), ['well'])
  t.end()
})

await t.test('KeyFrameWatch counts the packets of one key frame once', t => {
  const watch = watchOf()
  for (const [timestamp, nowMs] of [
    [1, 100],
    [2, 8_100],
    [2, 8_101],
  ] as const) {
    watch.seen(timestamp, nowMs)
  }
  t.equal(watch.fault(8_200, PATIENCE_MS)?.reason, 'sparse-key-frames')
  t.end()
})
