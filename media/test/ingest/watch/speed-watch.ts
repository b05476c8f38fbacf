import t from 'tap'

import { SpeedWatch } from '../../../ingest/watch/speed-watch.ts'

/** Reports once a second what `mediaS` says, and gives what it told each time. */
function run(
  mediaS: (wallS: number) => number,
  untilS: number,
  watch = new SpeedWatch(),
) {
  const told: string[] = []
  for (let wallS = 0; wallS <= untilS; wallS++) {
    watch.progressed({ timeS: mediaS(wallS) }, wallS * 1_000)
    const kind = watch.fault()?.kind ?? 'well'
    if (told.at(-1)?.startsWith(kind) !== true) told.push(`${kind} at ${wallS}`)
  }
  return told
}

await t.test('SpeedWatch tells what is slow, after ten seconds', t => {
  const watch = new SpeedWatch()
  t.same(
    run(s => s * 0.26, 60, watch),
    ['well at 0', 'slow at 11'],
  )
  t.equal(watch.fault()?.speed.toFixed(2), '0.26')
  t.end()
})

await t.test('SpeedWatch tells what is fast, after ten seconds', t => {
  t.same(
    run(s => s * 15, 60),
    ['well at 0', 'fast at 11'],
  )
  t.end()
})

await t.test('SpeedWatch has no complaint', t => {
  const WELL = {
    'real time': (s: number) => s,
    'a late start': (s: number) => Math.max(0, s - 8),
    'a burst at the start': (s: number) => (s === 0 ? 0 : 5 + s),
    'a burst of some seconds': (s: number) => Math.min(4 * s, 15 + s),
    'a picture in eight seconds': (s: number) => Math.floor(s / 8) * 8,
    'segments of six seconds': (s: number) => 6 + Math.floor(s / 6) * 6,
    'a stall that is caught up': (s: number) => (s > 10 && s < 13 ? 10 : s),
    'a stall that is not': (s: number) =>
      s > 10 && s < 15 ? 10 : s < 15 ? s : s - 5,
    'many stalls': (s: number) => (s % 7 < 2 ? s - (s % 7) : s),
    'nothing at all': () => 0,
    'timestamps that leap': (s: number) => (s > 20 ? 3_600 + s : s),
    'timestamps that fall back': (s: number) => (s > 20 ? s - 20 : s),
    'nine tenths, or just over': (s: number) => 0.91 * s,
  }
  for (const [name, mediaS] of Object.entries(WELL)) {
    t.same(run(mediaS, 120), ['well at 0'], name)
  }
  t.end()
})

await t.test('SpeedWatch tells when it is over', t => {
  const slowThenWell = (s: number) => (s < 30 ? s / 2 : s - 15)
  t.same(run(slowThenWell, 120), ['well at 0', 'slow at 11', 'well at 37'])
  t.end()
})

await t.test('SpeedWatch does not waver at the threshold', t => {
  // Windows of 0.88 and 0.92 by turns, then once slow.
  const wavering = (s: number) =>
    s < 14 ? s / 2 : 7 + 0.9 * (s - 14) + (s % 4 < 2 ? 0.04 : 0)
  const told = run(wavering, 300)
  t.same(told, ['well at 0', 'slow at 11'])
  t.end()
})

await t.test('SpeedWatch begins anew with each run', t => {
  const watch = new SpeedWatch()
  run(s => s / 2, 20, watch)
  t.ok(watch.fault())
  watch.begin()
  t.equal(watch.fault(), undefined)
  t.same(
    run(s => s, 60, watch),
    ['well at 0'],
  )
  t.end()
})
