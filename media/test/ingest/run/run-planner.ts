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

/** Whether one of the lines asks for a restart. */
function readLog(planner: RunPlanner, lines: readonly string[]): boolean {
  return lines.filter(line => planner.readLine(line)).length > 0
}

t.test('RunPlanner keeps a run that fits its inputs', async t => {
  const planner = new RunPlanner(managedConfig())
  const [options] = await planner.begin(CAMERA, 1)
  t.same(options, ['-reinit_filter:v', '0'])
  t.equal(readLog(planner, dump('rtsp')), false)
  t.match(planner.facts, { inputs: [{ format: 'rtsp' }] })
  t.match(planner.outputSettings('video'), { arrival: 'live', startedMs: 1 })
  t.equal(planner.ends, false)
})

t.test('RunPlanner restarts a run that does not fit, once', async t => {
  const planner = new RunPlanner(managedConfig())
  await planner.begin(CAMERA, 1)
  t.equal(readLog(planner, dump('mpjpeg')), true)
  for (const run of [2, 3]) {
    const [options] = await planner.begin(CAMERA, run)
    t.match(options?.join(' '), '-use_wallclock_as_timestamps 1')
    t.equal(readLog(planner, dump('mpjpeg')), false)
  }
})

t.test(
  'RunPlanner stops restarting if the input differs in every run',
  async t => {
    const planner = new RunPlanner(managedConfig())
    let restarts = 0
    for (let run = 0; run < 20; run++) {
      await planner.begin(CAMERA, run)
      if (readLog(planner, dump(run % 2 === 0 ? 'mpjpeg' : 'hls'))) restarts++
    }
    t.ok(restarts <= 3, `${restarts} restarts`)
  },
)

t.test('RunPlanner keeps deinterlacing an input once interlaced', async t => {
  const planner = new RunPlanner(managedConfig())
  await planner.begin(CAMERA, 1)
  t.equal(
    readLog(planner, dump('rtsp', 'yuv420p(tv, top first), 640x360')),
    true,
  )
  await planner.begin(CAMERA, 2)
  t.equal(planner.outputSettings('video').deinterlace, true)
  t.equal(
    readLog(planner, dump('rtsp', 'yuv420p(progressive), 640x360')),
    false,
  )
})

t.test('RunPlanner maps a stream that FFmpeg did not select', async t => {
  const planner = new RunPlanner(managedConfig())
  await planner.begin(CAMERA, 1)
  const lines = [
    ...dump('mpegts', 'none').slice(0, 3),
    '[error] Output file #0 does not contain any stream',
  ]
  t.equal(readLog(planner, lines), true)
  await planner.begin(CAMERA, 2)
  t.equal(planner.outputSettings('video').map, '0:0')
  t.equal(readLog(planner, dump('mpegts')), false)
  await planner.begin(CAMERA, 3)
  t.equal(planner.outputSettings('video').map, '0:0')
})

t.test(
  'RunPlanner restarts a live run whose picture changes its shape',
  async t => {
    const planner = new RunPlanner(managedConfig())
    await planner.begin(CAMERA, 1)
    readLog(planner, dump('rtsp'))
    const resized = (width: number, height: number) =>
      '[graph 0 input from stream 0:0 @ 0x1] [info] filter context - w: 640 ' +
      `h: 360 fmt: 0, incoming frame - w: ${width} h: ${height} fmt: 0 pts: 1`
    t.equal(
      planner.readLine(resized(1280, 720)),
      false,
      'another size, same shape',
    )
    t.equal(planner.readLine(resized(854, 480)), false, 'a rounding difference')
    t.equal(planner.readLine(resized(640, 480)), true)
    t.equal(planner.readLine(resized(640, 480)), false, 'not again so soon')
  },
)
