/** werift as a player, on real HTTP, worker and FFmpeg. */
import t, { type Test } from 'tap'
import {
  RTCPeerConnection,
  useH264,
  useOPUS,
  useVP8,
  type RTCRtpCodecParameters,
} from 'werift'
import { waitFor } from '../../../../shared/test/fixtures/wait-for.ts'
import { H264, LiveServer, VP8 } from '../fixtures/live-server.ts'

/** A werift player of a stream, and its received packets by kind. */
async function view(
  t: Test,
  endpoint: URL,
  video: RTCRtpCodecParameters,
): Promise<{ packets: Map<string, number>; location: URL }> {
  const pc = new RTCPeerConnection({
    codecs: { video: [video], audio: [useOPUS()] },
    iceServers: [],
    iceUseIpv6: false,
    // Otherwise it gathers per section and never closes the unused ones.
    bundlePolicy: 'max-bundle',
    iceAdditionalHostAddresses: ['127.0.0.1'],
  })
  t.teardown(() => pc.close())
  const packets = new Map<string, number>()
  pc.onTrack.subscribe(track => {
    track.onReceiveRtp.subscribe(() => {
      packets.set(track.kind, (packets.get(track.kind) ?? 0) + 1)
    })
  })
  pc.addTransceiver('video', { direction: 'recvonly' })
  pc.addTransceiver('audio', { direction: 'recvonly' })
  await pc.setLocalDescription(await pc.createOffer())
  const response = await fetch(endpoint, {
    method: 'POST',
    headers: { 'Content-Type': 'application/sdp' },
    body: pc.localDescription?.sdp ?? '',
  })
  t.equal(response.status, 201)
  await pc.setRemoteDescription({ type: 'answer', sdp: await response.text() })
  const location = response.headers.get('Location') ?? ''
  return { packets, location: new URL(location, endpoint) }
}

await t.test('werift plays streams', async t => {
  const server = await LiveServer.start(t, {
    streams: { h264: H264, vp8: VP8 },
  })
  const idle = server.portsInUse
  for (const [stream, codec] of [
    ['h264', useH264()],
    ['vp8', useVP8()],
  ] as const) {
    await t.test(`werift plays ${stream}`, async t => {
      const { packets, location } = await view(
        t,
        server.endpoint(stream),
        codec,
      )
      for (const kind of ['video', 'audio']) {
        await waitFor(() => (packets.get(kind) ?? 0) > 20, kind)
      }
      const { status } = await fetch(location, { method: 'DELETE' })
      t.equal(status, 204)
      await server.settles(idle)
    })
  }
})
