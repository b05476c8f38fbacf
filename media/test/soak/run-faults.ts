/** Faults in the RTP of our own FFmpeg. */
import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { promisify } from 'node:util'
import t, { type Test } from 'tap'

import {
  FfmpegRun,
  PATTERN_AND_TONE,
  UNSUPERVISED,
} from '../fixtures/ffmpeg.ts'
import {
  managedConfig,
  startMediaStack,
  streamId,
  untilLive,
} from '../fixtures/media-stack.ts'
import { relayUdp } from '../fixtures/udp-relay.ts'
import { waitFor } from '../../../shared/test/fixtures/wait-for.ts'

/** Detection takes ten seconds, more on a busy machine. */
const TIMEOUT_MS = 60_000

t.setTimeout(170_000)

const folder = t.testdir()
const stack = await startMediaStack({ ports: 20 })
t.teardown(() => stack.close())

async function start(
  t: Test,
  id: string,
  webrtc: object,
  inputs: readonly string[],
) {
  const stream = stack.streams.add(streamId(id), managedConfig(webrtc))
  const ffmpeg = await FfmpegRun.start(stream, inputs)
  t.teardown(async () => {
    await ffmpeg.stop()
    await stream.remove()
  })
  await untilLive(stream)
  return stream
}

/** A tone at a multiple of real time that even a busy machine can reach. */
const paced = (speed: number) => [
  ...['-f', 'lavfi', '-i', `sine=frequency=440,arealtime=speed=${speed}`],
]

const SPEEDS = {
  slow: {
    inputs: paced(0.5),
    words: /^slower than real time \(0\.\d\dx\): the input arrives too slowly/,
  },
  fast: {
    inputs: paced(8),
    words: /^faster than real time \(\d\.\d\dx\): the input is not paced/,
  },
} as const

for (const [reason, { inputs, words }] of Object.entries(SPEEDS)) {
  await t.test(`an input that is ${reason} degrades the stream`, async t => {
    const stream = await start(t, reason, { video: 'none' }, inputs)
    await waitFor(() => stream.degradedReason === reason, reason, TIMEOUT_MS)
    t.match(stream.status, { state: 'live', degraded_reason: words })
  })
}

const X264 = ['-c:v', 'libx264', '-preset', 'ultrafast', '-pix_fmt', 'yuv420p']

const COPIED = {
  'b-frames': {
    options: ['-bf', '3', '-g', '15'],
    words:
      /^video: there are B-frames, which browsers do not play; .* use h264/,
  },
  'sparse-key-frames': {
    options: ['-bf', '0', '-g', '105', '-sc_threshold', '0'],
    words: /^video: key frames are \d+ s apart, .* use h264 in place of copy/,
  },
} as const

for (const [reason, { options, words }] of Object.entries(COPIED)) {
  await t.test(`a copy with ${reason} degrades the stream`, async t => {
    const path = join(folder, `${reason}.mp4`)
    await promisify(execFile)('ffmpeg', [
      ...['-loglevel', 'error', '-t', '60'],
      ...['-f', 'lavfi', '-i', 'testsrc2=size=320x180:rate=15'],
      ...['-t', '60', '-f', 'lavfi', '-i', 'sine=frequency=440'],
      ...[...X264, ...options, path],
    ])
    const inputs = ['-re', '-i', path]
    const stream = await start(t, reason, { video: 'copy' }, inputs)
    await waitFor(() => stream.degradedReason === reason, reason, TIMEOUT_MS)
    t.match(stream.status, { state: 'live', degraded_reason: words })
  })
}

await t.test('a jump of copied timestamps degrades the stream', async t => {
  const stream = stack.streams.add(
    streamId('leaps'),
    managedConfig({ video: 'copy', audio: 'none' }),
  )
  t.teardown(() => stream.remove())
  const outputs = (await stream.prepareRun(UNSUPERVISED)).outputs.join(' ')
  const [, to, from] =
    /rtp:\S+?:(\d+)\?\S*localrtpport=(\d+)/.exec(outputs) ?? []
  const relay = await relayUdp({ to: Number(to), from: Number(from) })
  t.teardown(() => {
    relay.close()
  })
  let ticks = 0
  relay.change(packet => {
    packet.writeUInt32BE((packet.readUInt32BE(4) + ticks) % 2 ** 32, 4)
    return packet
  })
  // Sends through the relay instead of the prepared run.
  const sender = FfmpegRun.spawn(stream, [
    ...[...PATTERN_AND_TONE.slice(0, 5), ...X264, '-bf', '0', '-g', '15'],
    ...['-f', 'rtp', '-payload_type', '102', '-ssrc', '2222'],
    `rtp://127.0.0.1:${relay.port}?pkt_size=1200`,
  ])
  t.teardown(() => sender.stop())
  await untilLive(stream)
  t.equal(stream.degradedReason, undefined)
  ticks = 3_600 * 90_000
  await waitFor(() => stream.degradedReason === 'timestamps', 'timestamps')
  t.match(stream.status, {
    degraded_reason: /^video: timestamps jumped once in 10 s/,
  })
  await waitFor(() => stream.degradedReason === undefined, 'health')
})
