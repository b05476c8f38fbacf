import t from 'tap'
import { Playback } from '../../load/viewers/playback.ts'

/** Packets with these sequence numbers, 20 ms apart from the time 1000 on. */
function received(sequences: readonly number[]): Playback {
  const playback = new Playback('video', 0)
  sequences.forEach((sequence, index) => {
    playback.receive('video', sequence, 1_000 + index * 20)
  })
  return playback
}

const CASES: Readonly<
  Record<string, { sequences: readonly number[]; lost: number }>
> = {
  'in order': { sequences: [7, 8, 9], lost: 0 },
  'with a gap': { sequences: [7, 10], lost: 2 },
  'in another order': { sequences: [7, 9, 8, 10], lost: 0 },
  'across the wrap': { sequences: [65_534, 65_535, 0, 1], lost: 0 },
  'with a gap at the wrap': { sequences: [65_534, 1], lost: 2 },
  'with one after the wrap first': { sequences: [65_534, 0, 65_535], lost: 0 },
  'in duplicate': { sequences: [7, 7, 8], lost: 0 },
  'not at all': { sequences: [], lost: 0 },
}

for (const [how, { sequences, lost }] of Object.entries(CASES)) {
  t.test(`packets that arrive ${how} count as ${lost} lost`, t => {
    const playback = received(sequences)
    t.strictSame(playback.count('video'), { packets: sequences.length, lost })
    t.strictSame(playback.count('audio'), { packets: 0, lost: 0 })
    t.end()
  })
}

t.test('the longest gap includes the present one, not the wait before', t => {
  const playback = new Playback('video', 0)
  t.equal(playback.firstPictureS, undefined)
  t.equal(playback.longestGap(5_000).seconds, 0)
  playback.receive('video', 1, 5_000)
  t.equal(playback.firstPictureS, 5)
  playback.receive('video', 2, 8_000)
  playback.receive('video', 3, 9_000)
  t.strictSame(playback.longestGap(9_500), { seconds: 3, startedAt: 5 })
  t.strictSame(playback.longestGap(13_000), { seconds: 4, startedAt: 9 })
  t.end()
})

t.test('audio does not hide a gap in video', t => {
  const playback = new Playback('video', 0)
  playback.receive('video', 1, 1_000)
  playback.receive('audio', 1, 2_000)
  playback.receive('audio', 2, 3_000)
  t.equal(playback.longestGap(4_000).seconds, 3)
  t.end()
})
