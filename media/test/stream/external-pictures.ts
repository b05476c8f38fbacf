/** Video of external senders that browsers cannot play well. */
import t, { type Test } from 'tap'
import { parseWebrtcConfig } from '../../ingest/webrtc-config.ts'
import {
  startMediaStack,
  streamId,
  untilLive,
} from '../fixtures/media-stack.ts'
import { startExternal } from '../fixtures/external-start.ts'
import { startSender } from '../fixtures/sender.ts'
import { waitFor } from '../../../shared/test/fixtures/wait-for.ts'
import { takePorts } from '../../../shared/test/fixtures/ports.ts'

const PORTS = await takePorts(20)
const VIDEO = { port: PORTS.min + 12, rtcpPort: PORTS.min + 13 }
const AUDIO = { port: PORTS.min + 14, rtcpPort: PORTS.min + 15 }

/** Detection takes ten seconds, more on a busy machine. */
const TIMEOUT_MS = 60_000

t.setTimeout(170_000)

const stack = await startMediaStack({ udpPorts: PORTS })
t.teardown(() => stack.close())
const config = parseWebrtcConfig({
  enabled: true,
  ingest: 'external',
  video: { codec: 'h264', port: VIDEO.port, payload_type: 96 },
  audio: { codec: 'opus', port: AUDIO.port, payload_type: 97 },
})
if (!config.enabled) throw new TypeError('Expected an enabled stream')
const stream = stack.streams.add(streamId('outside'), config)
await startExternal(stream)

const PICTURES = {
  'b-frames': {
    options: ['-bf', '3', '-profile:v', 'main', '-tune', 'psnr'],
    words: /^video: there are B-frames, which browsers do not play; change the/,
  },
  'pixel-format': {
    options: ['-pix_fmt', 'yuv422p10le', '-profile:v', 'high422'],
    words:
      /^video: the pictures are 10 bit 4:2:2, which browsers do not decode/,
  },
  'sparse-key-frames': {
    options: ['-g', '105'],
    words: /^video: key frames are \d+ s apart, and a new viewer waits for one/,
  },
} as const

const videoPackets = () => stream.status.legs.video?.packets ?? 0
const videoFailures = () => stack.legFailures('outside', 'video')

/**
 * Starts a sender, waits until its video arrives, and returns the number of
 * failures so far: the pause after the last sender may be one, or too short.
 */
async function sends(t: Test, options?: readonly string[]): Promise<number> {
  const before = videoPackets()
  const sender = startSender({ video: VIDEO, audio: AUDIO }, options)
  t.teardown(() => sender.stop())
  await waitFor(() => videoPackets() > before, 'video')
  return videoFailures()
}

for (const [reason, { options, words }] of Object.entries(PICTURES)) {
  await t.test(`video with ${reason} degrades the stream`, async t => {
    const failures = await sends(t, options)
    await waitFor(() => stream.degradedReason === reason, reason, TIMEOUT_MS)
    t.match(stream.status, {
      state: 'live',
      degraded_reason: words,
      legs: { video: { state: 'live' }, audio: { state: 'live' } },
    })
    t.equal(videoFailures(), failures, 'no leg failure')
  })
}

await t.test('playable video does not degrade the stream', async t => {
  const failures = await sends(t)
  await untilLive(stream)
  await waitFor(() => stream.degradedReason === undefined, 'health')
  t.equal(videoFailures(), failures, 'no leg failure')
})
