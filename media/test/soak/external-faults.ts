/** Faults in the RTP of external senders. */
import t from 'tap'
import { parseWebrtcConfig } from '../../ingest/webrtc-config.ts'
import {
  startMediaStack,
  streamId,
  untilLive,
} from '../fixtures/media-stack.ts'
import { startExternal } from '../fixtures/external-start.ts'
import { startSender } from '../fixtures/sender.ts'
import { relayUdp, shiftTimestamps } from '../fixtures/udp-relay.ts'
import { endViewers, TestViewer } from '../fixtures/viewer.ts'
import { waitFor } from '../../../shared/test/fixtures/wait-for.ts'
import { takePorts } from '../../../shared/test/fixtures/ports.ts'

const PORTS = await takePorts(20)
const VIDEO_PORT = PORTS.min + 12
const AUDIO_PORT = PORTS.min + 14
const CHROMIUM = { video: 108, rtx: 109, audio: 111 }
/** One second of video, in RTP ticks. */
const SECOND = 90_000
const HOUR = 3_600 * SECOND

/** Detection takes ten seconds, more on a busy machine. */
const TIMEOUT_MS = 60_000

t.setTimeout(170_000)
t.teardown(endViewers)

const stack = await startMediaStack({ udpPorts: PORTS })
t.teardown(() => stack.close())
const config = parseWebrtcConfig({
  enabled: true,
  ingest: 'external',
  video: { codec: 'h264', port: VIDEO_PORT, payload_type: 96 },
  audio: { codec: 'opus', port: AUDIO_PORT, payload_type: 97 },
})
if (!config.enabled) throw new TypeError('Expected an enabled stream')
const stream = stack.streams.add(streamId('outside'), config)
const [video, videoRtcp, audio, audioRtcp] = await Promise.all(
  [VIDEO_PORT, VIDEO_PORT + 1, AUDIO_PORT, AUDIO_PORT + 1].map(to =>
    relayUdp({ to }),
  ),
)
if (!video || !videoRtcp || !audio || !audioRtcp) throw new Error('No relays')
t.teardown(() => {
  for (const relay of [video, videoRtcp, audio, audioRtcp]) relay.close()
})

await startExternal(stream)
const sender = startSender({
  video: { port: video.port, rtcpPort: videoRtcp.port },
  audio: { port: audio.port, rtcpPort: audioRtcp.port },
})
t.teardown(() => sender.stop())
await untilLive(stream)
const viewer = await TestViewer.open(stream, CHROMIUM)
t.teardown(() => {
  viewer.close()
})
await viewer.plays('video')

const unchanged = (packet: Buffer) => packet
const isDegradedBy = (reason: string) =>
  waitFor(
    () => stream.degradedReason === reason && stream.status,
    reason,
    TIMEOUT_MS,
  )
const isHealthy = () =>
  waitFor(() => stream.degradedReason === undefined, 'health')

await t.test('lost packets degrade the stream', async t => {
  let packets = 0
  video.change(packet => (packets++ % 20 === 0 ? undefined : packet))
  const status = await isDegradedBy('loss')
  t.match(status, {
    degraded: true,
    degraded_reason: /^video: [1-9]\d*\.\d % of the packets are lost before/,
    legs: { video: { state: 'live' }, audio: { state: 'live' } },
  })
  video.change(unchanged)
  await isHealthy()
})

await t.test('a single jump of timestamps is hidden from viewers', async t => {
  const jumps = () => [
    viewer.received.get('video')?.timestampLeaps,
    viewer.received.get('audio')?.timestampLeaps,
  ]
  t.same(jumps(), [0, 0])
  for (const ticks of [-600 * SECOND, HOUR]) {
    video.change(shiftTimestamps(() => ticks))
    audio.change(shiftTimestamps(() => ticks))
    await Promise.all([viewer.plays('video', 60), viewer.plays('audio', 100)])
    t.same(jumps(), [0, 0], 'no jump reaches the viewer')
  }
  t.equal(stream.degradedReason, undefined)
})

await t.test('repeated jumps of timestamps degrade the stream', async t => {
  let frames = 0
  let last = 0
  video.change(
    shiftTimestamps(timestamp => {
      if (timestamp !== last) frames++
      last = timestamp
      return frames % 10 === 0 ? 2 * HOUR : HOUR
    }),
  )
  const status = await isDegradedBy('timestamps')
  t.match(status, {
    degraded_reason: /^video: timestamps jumped \d+ times in 10 s/,
  })
  t.equal(viewer.received.get('video')?.timestampLeaps, 0)
  video.change(shiftTimestamps(() => HOUR))
  await isHealthy()
})

await t.test('an unexpected payload type fails the leg', async t => {
  audio.change(packet => {
    packet.writeUInt8((packet.readUInt8(1) & 0x80) | 96, 1)
    return packet
  })
  const status = await isDegradedBy('payload-type')
  t.match(status, {
    state: 'live',
    degraded_reason: 'audio: RTP of payload type 96 arrives, 97 is expected',
    legs: { audio: { state: 'failed', cause: 'payload-type' } },
  })
  t.equal(
    stack.legFailures('outside', 'audio'),
    1,
    'the failure is counted once',
  )
  audio.change(() => undefined)
  await waitFor(() => stream.status.legs.audio?.cause === 'silent', 'silence')
  t.equal(stream.degradedReason, 'leg-failed')
  audio.change(unchanged)
  await isHealthy()
  t.equal(stack.legFailures('outside', 'audio'), 1)
  t.equal(stack.legFailures('outside', 'video'), 0)
})
