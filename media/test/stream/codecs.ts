import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { promisify } from 'node:util'
import t, { type Test } from 'tap'

import type { MediaKind } from '../../whep/stream-port.ts'
import { FfmpegRun, PATTERN_AND_TONE } from '../fixtures/ffmpeg.ts'
import {
  managedConfig,
  startMediaStack,
  streamId,
  untilLive,
  type MediaStack,
} from '../fixtures/media-stack.ts'
import { waitFor } from '../../../shared/test/fixtures/wait-for.ts'
import { endViewers, TestViewer, type ViewerTypes } from '../fixtures/viewer.ts'

const CHROMIUM = { video: 108, rtx: 109, audio: 111 }

t.setTimeout(120_000)
t.teardown(endViewers)

const folder = t.testdir()
const stack = await startMediaStack({
  ports: 30,
  limits: { keyFrameTimeoutMs: 1_500 },
})
t.teardown(() => stack.close())

/** Encodes a pattern and a tone; returns options to read them in real time. */
async function fileOf(
  name: string,
  codecs: readonly string[],
  { rate = 15, seconds = 60 } = {},
) {
  const path = join(folder, name)
  const input = (graph: string) => {
    return ['-t', `${seconds}`, '-f', 'lavfi', '-i', graph]
  }
  await promisify(execFile)('ffmpeg', [
    ...['-loglevel', 'error', ...input(`testsrc2=size=320x180:rate=${rate}`)],
    ...[...input('sine=frequency=440'), ...codecs, path],
  ])
  return ['-re', '-i', path]
}

const X264 = [
  ...['-c:v', 'libx264', '-preset', 'ultrafast', '-bf', '0'],
  ...['-pix_fmt', 'yuv420p'],
]

async function start(
  t: Test,
  id: string,
  webrtc: object,
  inputs: readonly string[] = PATTERN_AND_TONE,
) {
  const stream = stack.streams.add(streamId(id), managedConfig(webrtc))
  const ffmpeg = await FfmpegRun.start(stream, inputs)
  t.teardown(async () => {
    await ffmpeg.stop()
    await stream.remove()
    await waitFor(() => portsInUse(stack) === 0)
  })
  await untilLive(stream)
  return { stream, ffmpeg }
}

function portsInUse({ engine }: MediaStack): number {
  return engine.udpPorts.counts().inUse
}

async function plays(
  t: Test,
  stream: Parameters<typeof TestViewer.open>[0],
  types: ViewerTypes,
  kinds: readonly MediaKind[],
) {
  const viewer = await TestViewer.open(stream, types)
  t.teardown(() => {
    viewer.close()
  })
  await Promise.all(kinds.map(kind => viewer.plays(kind)))
  t.same(
    viewer.transport.sent.map(({ kind }) => kind),
    kinds,
  )
}

await t.test('VP8 plays', async t => {
  const { stream } = await start(t, 'vp8', { video: { codec: 'vp8', fps: 15 } })
  t.same(stream.codecs, { video: 'vp8', audio: 'opus' })
  const types = { video: 96, rtx: 97, audio: 111, videoCodec: 'vp8' } as const
  await plays(t, stream, types, ['video', 'audio'])
  t.equal(portsInUse(stack), 9, 'the payload types of Chromium need no pipe')
})

await t.test('H264 copied from MP4 plays for late viewers', async t => {
  const inputs = await fileOf('copy.mp4', [...X264, '-g', '15'])
  const { stream } = await start(t, 'copy', { video: 'copy' }, inputs)
  await waitFor(() => (stream.status.legs.video?.packets ?? 0) > 100)
  await plays(t, stream, CHROMIUM, ['video', 'audio'])
  t.equal(stream.status.degraded, false)
})

await t.test('copied Opus plays', async t => {
  const inputs = await fileOf('copy.mkv', [...X264, '-c:a', 'libopus'])
  const { stream } = await start(t, 'opus', { audio: 'copy' }, inputs)
  await plays(t, stream, CHROMIUM, ['video', 'audio'])
})

await t.test('an input without a frame rate gets no extra frames', async t => {
  // Like a browser's recording: irregular frames, in ticks of 1 ms.
  const codecs = [
    ...['-vf', 'select=lt(random(0)\\,0.02)', '-vsync', 'passthrough'],
    ...['-c:v', 'libvpx', '-deadline', 'realtime', '-cpu-used', '8'],
    ...['-c:a', 'libopus'],
  ]
  const size = { rate: 1_000, seconds: 10 }
  const inputs = await fileOf('recorded.webm', codecs, size)
  const { stream, ffmpeg } = await start(t, 'recorded', {}, inputs)
  await plays(t, stream, CHROMIUM, ['video', 'audio'])
  t.match(ffmpeg.log.join('\n'), /Video: vp8.* 1k tbr/)
  const written = await waitFor(
    () =>
      /frame= *(\d+) .*time=00:00:(0[2-9]\.\d+)/.exec(ffmpeg.log.join('\n')) ??
      undefined,
    'two seconds of output',
  )
  const [, frames, seconds] = written
  // The input has about 20 frames a second, in 1000 ticks.
  t.ok(Number(frames) / Number(seconds) < 40, `${frames} in ${seconds} s`)
})

await t.test('video alone plays', async t => {
  const { stream } = await start(t, 'video', { audio: 'none' })
  t.equal(portsInUse(stack), 4)
  t.same(stream.codecs, { video: 'h264' })
  await plays(t, stream, { video: 108, rtx: 109 }, ['video'])
  t.equal(portsInUse(stack), 5)
})

await t.test('audio alone plays', async t => {
  const { stream } = await start(t, 'audio', { video: 'none' })
  t.equal(portsInUse(stack), 4)
  t.same(stream.codecs, { audio: 'opus' })
  await plays(t, stream, { audio: 111 }, ['audio'])
})

await t.test('video without key frames degrades the stream', async t => {
  // None from the first one until 10 s later, then one a second: so that a
  // check of the legs comes in between, even on a busy machine.
  const keyFrames = 'expr:if(lt(t,10),eq(n,0),gte(t,prev_forced_t+1))'
  const inputs = await fileOf('rare.mp4', [
    ...[...X264, '-g', '9999', '-sc_threshold', '0'],
    ...['-force_key_frames', keyFrames],
  ])
  const { stream } = await start(t, 'rare', { video: 'copy' }, inputs)
  await waitFor(() => stream.status.degraded)
  t.match(stream.status, {
    state: 'live',
    degraded_reason: /^video: no key frame for .* \(is the SPS sent/,
    legs: { video: { state: 'live' } },
  })
  t.equal(stack.reported.length, 0, 'no leg failure is counted')
  await waitFor(() => !stream.status.degraded, 'the next key frames')
  t.equal(stream.status.state, 'live')
})
