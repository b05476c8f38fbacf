/** The player page in Debian's Firefox, on real HTTP, worker and FFmpeg. */
import t from 'tap'
import { waitFor } from '../../../../shared/test/fixtures/wait-for.ts'
import { Firefox } from '../fixtures/firefox.ts'
import { H264, LiveServer, VP8 } from '../fixtures/live-server.ts'

const FRAMES = 'document.body.dataset.frames ?? 0'
const STATE = "document.querySelector('#state').textContent"
const OFFERS_H264 =
  "RTCRtpReceiver.getCapabilities('video').codecs" +
  ".some(({ mimeType }) => mimeType === 'video/H264')"

await t.test('Firefox on the player page', async t => {
  const firefox = await Firefox.start(t)
  if (firefox === undefined) return
  const server = await LiveServer.start(t, {
    ports: 40,
    streams: { h264: H264, vp8: VP8 },
    // Firefox ignores loopback candidates.
    stack: { addresses: { listen: ['0.0.0.0'], announced: [] } },
  })
  const idle = server.portsInUse
  const player = (id: string) => new URL(`/player/${id}`, server.base).href

  await t.test('Firefox plays VP8', async t => {
    await firefox.goto(player('vp8'))
    await waitFor(
      async () => Number(await firefox.evaluate(FRAMES)) > 20,
      'decoded frames',
    )
    // Decoded frames may not be shown yet, and the status not be known.
    await waitFor(
      async () => (await firefox.evaluate(STATE)).startsWith('Playing'),
      'the state',
    )
    t.same(server.sessions.of('vp8')[0]?.codecs, {
      audio: 'opus',
      video: 'vp8',
    })
  })

  await t.test(
    'Firefox plays H264, or only audio if it has no H264',
    async t => {
      await firefox.goto(player('h264'))
      const has = (await firefox.evaluate(OFFERS_H264)) === 'true'
      t.comment(`this Firefox has ${has ? 'H264' : 'no H264'}`)
      const labels = { stream_id: 'h264', kind: 'video' }
      const mismatches = () =>
        server.observations.count('codec_mismatches_total', labels)
      if (has) {
        await waitFor(
          async () => Number(await firefox.evaluate(FRAMES)) > 20,
          'decoded frames',
        )
        t.equal(mismatches(), 0)
        return
      }
      await waitFor(
        async () =>
          (await firefox.evaluate(STATE)).includes('cannot play the video'),
        'the message about the video',
      )
      t.equal(mismatches(), 1)
      const session = await waitFor(
        () => server.sessions.of('h264')[0],
        'a session with audio only',
      )
      t.same(session.codecs, { audio: 'opus' })
    },
  )

  await t.test('leaving the page ends the session', async () => {
    await firefox.goto('about:blank')
    await server.settles(idle)
  })
})
