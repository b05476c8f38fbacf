import t from 'tap'

import {
  hasMoved,
  NO_PROGRESS,
  progressReader,
  type Progress,
} from '../../ffmpeg/progress.ts'

function read(text: string): readonly Progress[] {
  const all: Progress[] = []
  const reader = progressReader(progress => all.push(progress))
  for (const line of text.trim().split('\n')) reader(line)
  return all
}

/** From FFmpeg 5.1, with H264 and Opus to RTP. */
const BLOCK = `
frame=123
fps=29.97
stream_0_0_q=22.0
bitrate=1530.8kbits/s
total_size=786432
out_time_us=4109967
out_time_ms=4109967
out_time=00:00:04.109967
dup_frames=1
drop_frames=2
speed=1.01x
progress=continue
`

t.test('progressReader() reports the fields of a block', t => {
  t.strictSame(read(BLOCK), [
    {
      frame: 123,
      fps: 29.97,
      q: 22,
      sizeBytes: 786432,
      timeS: 4.109967,
      bitrateKbit: 1530.8,
      speed: 1.01,
      drop: 2,
      dup: 1,
    },
  ])
  t.end()
})

t.test('progressReader() reports missing and N/A fields as 0', t => {
  const block = 'total_size=N/A\nbitrate=N/A\nout_time_us=-9\nspeed=N/A\n'
  t.strictSame(read(`${block}progress=end`), [NO_PROGRESS])
  t.end()
})

t.test('progressReader() resets after each block and skips other lines', t => {
  const [first, second] = read(`${BLOCK}nonsense\n=\nframe=7\nprogress=end`)
  t.equal(first?.frame, 123)
  t.strictSame(second, { ...NO_PROGRESS, frame: 7 })
  t.end()
})

t.test('hasMoved() detects new frames, time or bytes', t => {
  t.notOk(hasMoved(NO_PROGRESS, { ...NO_PROGRESS, speed: 1, fps: 25 }))
  t.ok(hasMoved(NO_PROGRESS, { ...NO_PROGRESS, frame: 1 }))
  t.ok(hasMoved(NO_PROGRESS, { ...NO_PROGRESS, timeS: 0.02 }))
  t.ok(hasMoved(NO_PROGRESS, { ...NO_PROGRESS, sizeBytes: 1 }))
  t.end()
})
