/** The player page in Firefox, whose getStats differs from Chromium's. */
import t from 'tap'
import { waitFor } from '../../../../shared/test/fixtures/wait-for.ts'
import { Firefox } from '../fixtures/firefox.ts'
import { SentStream } from '../fixtures/leg-sender.ts'
import { LiveServer } from '../fixtures/live-server.ts'

const STATE =
  "(({ dataset, textContent }) => dataset.state + ': ' + textContent)" +
  "(document.querySelector('#state'))"

await t.test(
  'the player page in Firefox shows which leg is missing',
  async t => {
    const firefox = await Firefox.start(t)
    if (firefox === undefined) return
    const server = await LiveServer.start(t, {
      ports: 20,
      streams: {},
      // Firefox ignores loopback candidates.
      stack: { addresses: { listen: ['0.0.0.0'], announced: [] } },
    })
    // Debian's Firefox may have no H264.
    const stream = await SentStream.add(t, server, 'sent', 'vp8')
    const says = async (words: string) => {
      await waitFor(
        async () => (await firefox.evaluate(STATE)).includes(words),
        words,
      )
    }
    const audio = stream.send('audio')
    const video = stream.send('video')
    await waitFor(() => stream.isLive, 'both legs')
    await firefox.goto(new URL('/player/sent', server.base).href)
    await says('playing: Playing.')
    await audio.stop()
    await says('degraded: The picture plays. No sound arrives.')
    stream.send('audio')
    await says('playing: Playing.')
    await video.stop()
    await says('still: The picture stands still; the sound goes on.')
    await firefox.goto(new URL('/player/sent?again', server.base).href)
    await says('degraded: Sound only: no picture arrives.')
    stream.send('video')
    await says('playing: Playing.')
    t.equal(server.sessions.of('sent').length, 1)
  },
)
