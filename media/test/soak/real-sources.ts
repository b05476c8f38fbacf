/** Each kind of source, read by FFmpeg; its RTP is measured at a socket. */
import { execFile } from 'node:child_process'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import t from 'tap'

import { waitFor } from '../../../shared/test/fixtures/wait-for.ts'
import { takePorts } from '../../../shared/test/fixtures/ports.ts'
import {
  RecordedRun,
  stepsOf,
  ticks,
  type RecordedFrame,
} from '../ingest/fixtures/recorded-run.ts'

const LIMIT_MS = 90_000
t.setTimeout(300_000)

const folder = t.testdir()
const at = (name: string) => join(folder, name)

const TONE = ['-f', 'lavfi', '-i', 'sine=frequency=440']
const X264 = ['-c:v', 'libx264', '-preset', 'ultrafast', '-bf', '0', '-g', '15']

const picture = (rate = '15', size = '320x180') => [
  ...['-f', 'lavfi', '-i', `testsrc2=size=${size}:rate=${rate}`],
]

async function make(name: string, ...args: readonly string[]): Promise<string> {
  await promisify(execFile)('ffmpeg', [
    ...['-hide_banner', '-loglevel', 'error', '-y', ...args, at(name)],
  ])
  return at(name)
}

/**
 * Media time over wall time, after the first second. Between the least delayed
 * frames of the first and the last third: a busy machine delivers some late.
 */
function speedOf(frames: readonly RecordedFrame[]): number {
  const [origin] = frames
  if (!origin) throw new Error('Expected frames')
  const times = frames.slice(15).map(({ timestamp, atMs }) => {
    const mediaMs = ticks(origin.timestamp, timestamp) / 90
    return { mediaMs, atMs, aheadMs: mediaMs - atMs }
  })
  const third = Math.floor(times.length / 3)
  const [first, last] = [times.slice(0, third), times.slice(-third)].map(
    some => some.toSorted((one, other) => other.aheadMs - one.aheadMs)[0],
  )
  if (!first || !last) throw new Error('Expected more frames')
  return (last.mediaMs - first.mediaMs) / (last.atMs - first.atMs)
}

/** Seconds between key frames. */
function keyFrameSteps(frames: readonly RecordedFrame[]): readonly number[] {
  return stepsOf(frames.filter(f => f.isKeyFrame)).map(step => step / 90_000)
}

await t.test('a looped file plays at its own speed', async t => {
  const path = await make(
    'file.mp4',
    ...[...picture(), ...TONE, '-t', '4', ...X264, '-pix_fmt', 'yuv420p'],
  )
  const options = ['-stream_loop', '-1']
  const run = await RecordedRun.start(t, [{ address: path, options }])
  const { video, audio } = run.frames
  await waitFor(() => video.length > 150, 'two and a half loops', LIMIT_MS)
  t.ok(speedOf(video) < 1.2, `speed ${speedOf(video)}`)
  t.ok(stepsOf(video).every(step => step > 0 && step < 45_000))
  t.ok(stepsOf(audio).every(step => step > 0 && step < 24_000))
  t.equal(run.restarts, 0)
})

await t.test('a file with a gap of an hour plays without a pause', async t => {
  const jump = "setpts='PTS+if(gte(N,30),3600/TB)'"
  const path = await make(
    'gap.mkv',
    ...[
      ...picture(),
      '-frames:v',
      '120',
      '-vf',
      jump,
      '-fps_mode',
      'passthrough',
    ],
    ...[...X264, '-pix_fmt', 'yuv420p'],
  )
  const run = await RecordedRun.start(t, [{ address: path, options: [] }], {
    audio: 'none',
  })
  const { video } = run.frames
  await waitFor(() => video.length > 90, 'pictures after the gap', LIMIT_MS)
  t.ok(stepsOf(video).every(step => step > 0 && step < 45_000))
})

await t.test('a raw H264 file plays at its own speed', async t => {
  const path = await make('raw.h264', ...picture('10'), '-t', '20', ...X264)
  const run = await RecordedRun.start(t, [{ address: path, options: [] }], {
    audio: 'none',
  })
  const { video } = run.frames
  await waitFor(() => video.length > 100, 'ten seconds', LIMIT_MS)
  t.ok(speedOf(video) < 1.2, `speed ${speedOf(video)}`)
  t.ok(stepsOf(video).every(step => step === 9_000))
})

for (const fps of [1, 5, 60]) {
  await t.test(
    `${fps} frames a second have a key frame every second`,
    async t => {
      const address = `testsrc2=size=160x90:rate=${fps}`
      const run = await RecordedRun.start(
        t,
        [{ address, options: ['-re', '-f', 'lavfi'] }],
        { audio: 'none' },
      )
      const { video } = run.frames
      await waitFor(
        () => keyFrameSteps(video).length > 4,
        'key frames',
        LIMIT_MS,
      )
      for (const step of keyFrameSteps(video)) {
        t.ok(step > 0.94 && step <= 1, `${step} s`)
      }
      t.ok(stepsOf(video).every(step => step === 90_000 / fps))
    },
  )
}

for (const seconds of [0.25, 3]) {
  await t.test(`key_frame_seconds ${seconds} is kept`, async t => {
    const address = 'testsrc2=size=160x90:rate=20'
    const run = await RecordedRun.start(
      t,
      [{ address, options: ['-re', '-f', 'lavfi'] }],
      { video: { key_frame_seconds: seconds }, audio: 'none' },
    )
    const { video } = run.frames
    await waitFor(() => keyFrameSteps(video).length > 3, 'key frames', LIMIT_MS)
    for (const step of keyFrameSteps(video)) {
      t.ok(step > 0.94 * seconds && step <= seconds, `${step} s`)
    }
  })
}

await t.test('video.fps limits the frame rate', async t => {
  const address = 'testsrc2=size=160x90:rate=50'
  const run = await RecordedRun.start(
    t,
    [{ address, options: ['-re', '-f', 'lavfi'] }],
    { video: { codec: 'h264', fps: 12 }, audio: 'none' },
  )
  const { video } = run.frames
  await waitFor(() => video.length > 60, 'five seconds', LIMIT_MS)
  const [first, last] = [video[0], video.at(-1)]
  const seconds = ticks(first?.timestamp ?? 0, last?.timestamp ?? 0) / 90_000
  const fps = (video.length - 1) / seconds
  t.ok(fps > 11 && fps < 12.2, `${fps} frames a second`)
})

await t.test('MJPEG by HTTP gets timestamps from its arrival', async t => {
  const jpeg = await readFile(
    await make('a.jpg', ...picture(), '-frames:v', '1'),
  )
  const server = createServer((request, response) => {
    response.writeHead(200, {
      'content-type': 'multipart/x-mixed-replace; boundary=frame',
    })
    const timer = setInterval(() => {
      response.write(
        '--frame\r\nContent-Type: image/jpeg\r\n' +
          `Content-Length: ${jpeg.length}\r\n\r\n`,
      )
      response.write(jpeg)
      response.write('\r\n')
    }, 250)
    request.on('close', () => {
      clearInterval(timer)
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => {
    server.closeAllConnections()
    server.close()
  })
  const { port } = server.address() as AddressInfo
  const run = await RecordedRun.start(
    t,
    [{ address: `http://127.0.0.1:${port}/`, options: [] }],
    { audio: 'none' },
  )
  await waitFor(() => run.restarts > 0, 'a restart', LIMIT_MS)
  const { video } = run.frames
  await waitFor(() => keyFrameSteps(video).length > 4, 'key frames', LIMIT_MS)
  await waitFor(() => video.length > 60, 'fifteen seconds', LIMIT_MS)
  t.equal(run.restarts, 1)
  const speed = speedOf(video)
  t.ok(speed > 0.8 && speed < 1.2, `speed ${speed}`)
  const steps = keyFrameSteps(video)
  const mean = steps.reduce((sum, step) => sum + step, 0) / steps.length
  t.ok(mean < 1.5, `a key frame every ${mean} s`)
})

await t.test('interlaced video is deinterlaced', async t => {
  const path = await make(
    'interlaced.ts',
    ...[...picture('50', '320x288'), '-t', '10', '-vf', 'interlace'],
    ...['-c:v', 'mpeg2video', '-flags', '+ildct+ilme', '-top', '1'],
  )
  const run = await RecordedRun.start(t, [{ address: path, options: [] }], {
    audio: 'none',
  })
  await waitFor(() => run.restarts > 0, 'a restart', LIMIT_MS)
  await waitFor(() => run.frames.video.length > 30, 'pictures', LIMIT_MS)
  t.equal(run.restarts, 1)
  const made = run.log.filter(l => l.includes(' Video: h264, ')).at(-1)
  t.match(made, 'progressive')
})

await t.test('odd sizes become even, and oblong pixels square', async t => {
  for (const [filter, size] of [
    ['crop=313:175:0:0:exact=1', '312x174'],
    ['scale=288:288,setsar=16/9', '512x288'],
    ['scale=288:144,setsar=1/2', '288x288'],
  ] as const) {
    const address = `testsrc2=size=320x180:rate=15,format=yuv444p,${filter}`
    const run = await RecordedRun.start(
      t,
      [{ address, options: ['-re', '-f', 'lavfi'] }],
      { audio: 'none' },
    )
    await waitFor(() => run.frames.video.length > 3, 'pictures', LIMIT_MS)
    const made = run.log.filter(l => l.includes(' Video: h264, ')).at(-1)
    t.match(made, `, ${size} [SAR 1:1`, filter)
    await run.stop()
  }
})

await t.test('cover art is not sent', async t => {
  await make('cover.png', ...picture(), '-frames:v', '1')
  const path = await make(
    'cover.mp3',
    ...['-t', '5', ...TONE, '-i', at('cover.png'), '-map', '0', '-map', '1'],
    ...['-c:v', 'copy', '-disposition:v', 'attached_pic'],
  )
  const run = await RecordedRun.start(t, [{ address: path, options: [] }])
  await waitFor(() => run.code, 'the end', LIMIT_MS)
  t.equal(run.restarts, 1)
  t.match(run.log.join('\n'), /matches no streams/)
  t.same(run.frames.video, [])
})

await t.test('video that starts late does not delay audio', async t => {
  const path = await make(
    'late.ts',
    ...[...TONE, '-itsoffset', '25', ...picture(), '-t', '45'],
    ...['-map', '1', '-map', '0', ...X264, '-pix_fmt', 'yuv420p'],
  )
  const { min: port } = await takePorts(1)
  const run = await RecordedRun.start(t, [
    { address: `udp://127.0.0.1:${port}`, options: ['-f', 'mpegts'] },
  ])
  const sender = execFile('ffmpeg', [
    ...['-loglevel', 'error', '-re', '-i', path, '-map', '0', '-c', 'copy'],
    ...['-f', 'mpegts', `udp://127.0.0.1:${port}?pkt_size=1316`],
  ])
  t.teardown(() => sender.kill('SIGKILL'))
  await waitFor(() => run.frames.audio.length > 0, 'audio', LIMIT_MS)
  t.same(run.frames.video, [], 'no video yet')
  await waitFor(() => run.frames.video.length > 30, 'pictures', LIMIT_MS)
})
