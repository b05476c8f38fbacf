import t from 'tap'

import { RunPlanner } from '../../../ingest/run/run-planner.ts'
import { managedConfig } from '../../fixtures/media-stack.ts'

const CAMERA = {
  inputs: [{ address: 'http://127.0.0.1/cam', options: [] }],
  shared: false,
}

function dump(format: string, more = 'yuv420p, 640x360'): readonly string[] {
  return [
    `[info] Input #0, ${format}, from 'http://127.0.0.1/cam':`,
    '[info]   Duration: N/A, start: 0.000000, bitrate: N/A',
    `[info]   Stream #0:0: Video: h264 (High), ${more}, 25 fps`,
    '[info] Stream mapping:',
    '[info]   Stream #0:0 -> #0:0 (h264 (native) -> h264 (libx264))',
  ]
}

function heard(fitting: RunPlanner, lines: readonly string[]): boolean {
  return lines.filter(line => fitting.heard(line)).length > 0
}

t.test('a run that fits goes on', async t => {
  const fitting = new RunPlanner(managedConfig())
  const [options] = await fitting.begin(CAMERA, 1)
  t.same(options, ['-reinit_filter:v', '0'])
  t.equal(heard(fitting, dump('rtsp')), false)
  t.match(fitting.facts, { inputs: [{ format: 'rtsp' }] })
  t.match(fitting.outputSettings('video'), { arrival: 'live', startedMs: 1 })
  t.equal(fitting.ends, false)
})

t.test('one that does not fit is ended once, and remembered', async t => {
  const fitting = new RunPlanner(managedConfig())
  await fitting.begin(CAMERA, 1)
  t.equal(heard(fitting, dump('mpjpeg')), true)
  for (const run of [2, 3]) {
    const [options] = await fitting.begin(CAMERA, run)
    t.match(options?.join(' '), '-use_wallclock_as_timestamps 1')
    t.equal(heard(fitting, dump('mpjpeg')), false)
  }
})

t.test('an input that is another at each run gets no run for each', async t => {
  const fitting = new RunPlanner(managedConfig())
  let ended = 0
  for (let run = 0; run < 20; run++) {
    await fitting.begin(CAMERA, run)
    if (heard(fitting, dump(run % 2 === 0 ? 'mpjpeg' : 'hls'))) ended++
  }
  t.ok(ended <= 3, `${ended} times`)
})

t.test('what was interlaced is taken for it from then on', async t => {
  const fitting = new RunPlanner(managedConfig())
  await fitting.begin(CAMERA, 1)
  t.equal(heard(fitting, dump('rtsp', 'yuv420p(tv, top first), 640x360')), true)
  await fitting.begin(CAMERA, 2)
  t.equal(fitting.outputSettings('video').deinterlace, true)
  t.equal(heard(fitting, dump('rtsp', 'yuv420p(progressive), 640x360')), false)
})

t.test('what FFmpeg did not find fit to pick is named', async t => {
  const fitting = new RunPlanner(managedConfig())
  await fitting.begin(CAMERA, 1)
  const lines = [
    ...dump('mpegts', 'none').slice(0, 3),
    '[error] Output file #0 does not contain any stream',
  ]
  t.equal(heard(fitting, lines), true)
  await fitting.begin(CAMERA, 2)
  t.equal(fitting.outputSettings('video').map, '0:0')
  t.equal(heard(fitting, dump('mpegts')), false)
  await fitting.begin(CAMERA, 3)
  t.equal(fitting.outputSettings('video').map, '0:0')
})

t.test('a live picture of another shape needs another run', async t => {
  const fitting = new RunPlanner(managedConfig())
  await fitting.begin(CAMERA, 1)
  heard(fitting, dump('rtsp'))
  const resized = (width: number, height: number) =>
    '[graph 0 input from stream 0:0 @ 0x1] [info] filter context - w: 640 ' +
    `h: 360 fmt: 0, incoming frame - w: ${width} h: ${height} fmt: 0 pts: 1`
  t.equal(fitting.heard(resized(1280, 720)), false, 'of another size')
  t.equal(fitting.heard(resized(854, 480)), false, 'as good as the same')
  t.equal(fitting.heard(resized(640, 480)), true)
  t.equal(fitting.heard(resized(640, 480)), false, 'not so soon again')
})
