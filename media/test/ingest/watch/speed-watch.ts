import t from 'tap'

import { SpeedWatch } from '../../../ingest/watch/speed-watch.ts'

/**
 * Reports the media time `mediaS` once a second, and returns when the verdict
 * changed.
 */
function run(
  mediaS: (wallS: number) => number,
  untilS: number,
  watch = new SpeedWatch(),
) {
  const verdicts: string[] = []
  for (let wallS = 0; wallS <= untilS; wallS++) {
    watch.progressed({ timeS: mediaS(wallS) }, wallS * 1_000)
    const verdict = watch.fault()?.kind ?? 'good'
    if (verdicts.at(-1)?.startsWith(verdict) !== true) {
      verdicts.push(`${verdict} at ${wallS}`)
    }
  }
  return verdicts
}

await t.test('SpeedWatch reports a slow run after ten seconds', t => {
  const watch = new SpeedWatch()
  t.same(
    run(s => s * 0.26, 60, watch),
    ['good at 0', 'slow at 11'],
  )
  t.equal(watch.fault()?.speed.toFixed(2), '0.26')
  t.end()
})

await t.test('SpeedWatch reports a fast run after ten seconds', t => {
  t.same(
    run(s => s * 15, 60),
    ['good at 0', 'fast at 11'],
  )
  t.end()
})

await t.test('SpeedWatch reports nothing if media time keeps up', t => {
  const GOOD = {
    'real time': (s: number) => s,
    'a late start': (s: number) => Math.max(0, s - 8),
    'a burst at the start': (s: number) => (s === 0 ? 0 : 5 + s),
    'a burst of a few seconds': (s: number) => Math.min(4 * s, 15 + s),
    'a picture every eight seconds': (s: number) => Math.floor(s / 8) * 8,
    'segments of six seconds': (s: number) => 6 + Math.floor(s / 6) * 6,
    'a stall that is caught up': (s: number) => (s > 10 && s < 13 ? 10 : s),
    'a stall that is not': (s: number) =>
      s > 10 && s < 15 ? 10 : s < 15 ? s : s - 5,
    'many stalls': (s: number) => (s % 7 < 2 ? s - (s % 7) : s),
    'nothing at all': () => 0,
    'timestamps that jump ahead': (s: number) => (s > 20 ? 3_600 + s : s),
    'timestamps that jump back': (s: number) => (s > 20 ? s - 20 : s),
    'just over 0.9 of real time': (s: number) => 0.91 * s,
  }
  for (const [name, mediaS] of Object.entries(GOOD)) {
    t.same(run(mediaS, 120), ['good at 0'], name)
  }
  t.end()
})

await t.test('SpeedWatch clears a fault once the speed is good again', t => {
  const slowThenGood = (s: number) => (s < 30 ? s / 2 : s - 15)
  t.same(run(slowThenGood, 120), ['good at 0', 'slow at 11', 'good at 37'])
  t.end()
})

await t.test('SpeedWatch does not flap at the threshold', t => {
  // Slow first, then windows that alternate between 0.88 and 0.92.
  const alternating = (s: number) =>
    s < 14 ? s / 2 : 7 + 0.9 * (s - 14) + (s % 4 < 2 ? 0.04 : 0)
  t.same(run(alternating, 300), ['good at 0', 'slow at 11'])
  t.end()
})

await t.test('begin() clears the fault of the last run', t => {
  const watch = new SpeedWatch()
  run(s => s / 2, 20, watch)
  t.ok(watch.fault())
  watch.begin()
  t.equal(watch.fault(), undefined)
  t.same(
    run(s => s, 60, watch),
    ['good at 0'],
  )
  t.end()
})
