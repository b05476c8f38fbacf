/** libdatachannel as a player, on real HTTP, worker and FFmpeg. */
import { cleanup } from 'node-datachannel'
import t from 'tap'
import { waitFor } from '../../../../shared/test/fixtures/wait-for.ts'
import { H264, LiveServer, VP8 } from '../fixtures/live-server.ts'
import { Peer, type PeerOffer } from '../../fixtures/peer.ts'

t.teardown(cleanup)

await t.test('libdatachannel plays streams', async t => {
  const server = await LiveServer.start(t, {
    streams: { h264: H264, vp8: VP8, mute: { audio: { codec: 'none' } } },
  })
  const idle = server.portsInUse

  const cases: Record<string, { stream: string; offer: PeerOffer }> = {
    "Chromium's payload types": {
      stream: 'h264',
      offer: {
        video: { payloadType: 108, codec: 'H264' },
        audio: { payloadType: 111 },
      },
    },
    'other payload types than Chromium': {
      stream: 'h264',
      offer: {
        video: { payloadType: 97, codec: 'H264' },
        audio: { payloadType: 98 },
      },
    },
    'low payload types': {
      stream: 'h264',
      offer: {
        video: { payloadType: 35, codec: 'H264' },
        audio: { payloadType: 63 },
      },
    },
    VP8: {
      stream: 'vp8',
      offer: {
        video: { payloadType: 120, codec: 'VP8' },
        audio: { payloadType: 109 },
      },
    },
    'audio alone': { stream: 'h264', offer: { audio: { payloadType: 111 } } },
    'video alone': {
      stream: 'h264',
      offer: { video: { payloadType: 96, codec: 'H264' } },
    },
    'a mid that is too long for the MID extension': {
      stream: 'mute',
      offer: {
        video: { payloadType: 96, codec: 'H264', mid: 'the-video-section' },
      },
    },
  }
  for (const [what, { stream, offer }] of Object.entries(cases)) {
    await t.test(`libdatachannel plays with ${what}`, async t => {
      const peer = new Peer(offer)
      t.equal(await peer.view(server.endpoint(stream)), 201)
      await peer.plays()
      for (const [kind, { payloadTypes }] of peer.received) {
        t.same([...payloadTypes], [offer[kind]?.payloadType], kind)
      }
      t.equal(await peer.leave(), 204)
      await server.settles(idle)
    })
  }

  await t.test(
    'libdatachannel plays the video of a stream without audio',
    async t => {
      const peer = new Peer({
        audio: { payloadType: 111 },
        video: { payloadType: 96, codec: 'H264' },
      })
      t.equal(await peer.view(server.endpoint('mute')), 201)
      const video = peer.received.get('video')
      await waitFor(() => (video?.packets ?? 0) > 20, 'video')
      t.equal(peer.received.get('audio')?.packets, 0)
      await peer.leave()
      await server.settles(idle)
    },
  )

  await t.test(
    'a session whose viewer vanishes ends and counts disconnected',
    async t => {
      const peer = new Peer({ audio: { payloadType: 111 } })
      t.teardown(() => {
        peer.close()
      })
      t.equal(await peer.viewRelayed(server.endpoint('h264')), 201)
      await peer.plays()
      peer.vanish()
      await server.settles(idle)
      const labels = { stream_id: 'h264', reason: 'disconnected' }
      t.equal(server.observations.count('ice_failures_total', labels), 1)
      t.equal(server.observations.count('ice_failures_total'), 1)
    },
  )

  await t.test('an offer of VP8 for an H264 stream answers 406', async t => {
    const peer = new Peer({ video: { payloadType: 96, codec: 'VP8' } })
    t.teardown(() => {
      peer.close()
    })
    t.equal(await peer.view(server.endpoint('h264')), 406)
  })

  const connected = server.observations.count(
    'ice_establishment_duration_seconds',
    { result: 'connected' },
  )
  t.equal(connected, Object.keys(cases).length + 2)
})
