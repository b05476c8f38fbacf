/** The size that the video filters give pictures, by FFmpeg itself. */
import { spawnSync } from 'node:child_process'
import t from 'tap'
import { videoFilters } from '../../../ingest/run/filter-chain.ts'
import { requireFfmpeg } from '../../fixtures/require-ffmpeg.ts'
import { LIVE } from '../../fixtures/live-output.ts'

requireFfmpeg(t)

/** Filters one picture of this size and returns the size of the result. */
function filtered(size: string, sar: string, height?: number): string {
  const filters = videoFilters(
    { codec: 'h264', ...(height !== undefined && { height }) },
    { ...LIVE, arrival: 'read' },
  )
  const { stderr } = spawnSync(
    'ffmpeg',
    [
      ...['-hide_banner', '-nostdin', '-f', 'lavfi'],
      ...['-i', `testsrc2=size=${size}:rate=5,setsar=${sar}`],
      ...['-frames:v', '1', '-vf', `${filters},showinfo`, '-f', 'null', '-'],
    ],
    { encoding: 'utf8' },
  )
  const found = /\bsar:1\/1 s:(\d+x\d+) /.exec(stderr)?.[1]
  if (found === undefined) throw new Error(`Expected a picture: ${stderr}`)
  return found
}

const SIZES = [
  ['1280x720', '1', undefined, '1280x720'],
  ['213x119', '1', undefined, '212x118'],
  ['180x144', '64/45', undefined, '256x144'],
  ['160x120', '3/4', undefined, '160x160'],
  ['1280x720', '1', 360, '640x360'],
  ['1280x720', '1', 720, '1280x720'],
  ['320x180', '1', 720, '320x180'],
  ['1920x1080', '1', 481, '854x480'],
  ['180x144', '64/45', 72, '128x72'],
  ['160x120', '3/4', 80, '80x80'],
  ['90x1600', '1', 16, '2x16'],
] as const

for (const [size, sar, height, expected] of SIZES) {
  const limit = height === undefined ? 'no limit' : `at most ${height} lines`
  t.test(`${size} with pixels ${sar} and ${limit} is ${expected}`, t => {
    t.equal(filtered(size, sar, height), expected)
    t.end()
  })
}
