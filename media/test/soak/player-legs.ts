/** The player page when a source sends only one kind, or stops. */
import t from 'tap'
import {
  decodes,
  hasSaid,
  keepWords,
  openPage,
  hasState,
  startChromium,
  wordsOf,
} from '../whep/fixtures/chromium.ts'
import { SentStream } from '../whep/fixtures/leg-sender.ts'
import { LiveServer } from '../whep/fixtures/live-server.ts'

await t.test('the player page shows which leg is missing', async t => {
  const browser = await startChromium(t)
  if (browser === undefined) return
  const server = await LiveServer.start(t, {
    ports: 20,
    streams: {},
    // The page says "has not started" until the leg fails.
    stack: { legTimeoutMs: 8_000 },
  })
  const stream = await SentStream.add(t, server, 'sent')
  const url = new URL('/player/sent', server.base).href

  let audio = stream.send('audio')
  const { page, errors } = await openPage(t, browser)
  await keepWords(page)
  await page.goto(url)
  await hasSaid(page, 'Sound plays; the picture has not started yet.')
  t.notMatch((await wordsOf(page)).join('\n'), /Playing/)
  await hasState(page, 'degraded', 'Sound only: no picture arrives.')

  const endless = stream.send('video', ['-g', '9999'])
  await decodes(page, 20)
  await hasState(
    page,
    'degraded',
    'The stream has a fault: video: no key frame',
  )
  await endless.stop()
  await hasState(page, 'still', 'The picture stands still; the sound goes on.')
  const { page: late } = await openPage(t, browser)
  await keepWords(late)
  await late.goto(url)
  await hasState(late, 'degraded', 'Sound only: no picture arrives.')
  t.notMatch((await wordsOf(late)).join('\n'), /Playing|Trying again/)

  const video = stream.send('video')
  await hasState(late, 'playing', 'Playing.')
  await hasState(page, 'playing', 'Playing.')
  await audio.stop()
  await hasState(page, 'degraded', 'The picture plays. No sound arrives.')
  await hasState(
    page,
    'degraded',
    'The stream has a fault: audio: no RTP arrives.',
  )
  audio = stream.send('audio')
  await hasState(page, 'playing', 'Playing.')
  await Promise.all([audio.stop(), video.stop()])
  await hasState(
    page,
    'still',
    'The picture stands still: waiting for the source.',
  )
  t.notMatch((await wordsOf(page)).join('\n'), /Trying again/)
  t.equal(server.sessions.of('sent').length, 2, 'both sessions are kept')

  stream.send('audio')
  // Without the PPS a new viewer can decode no key frame.
  stream.send('video', ['-bsf:v', 'filter_units=remove_types=8'])
  const { page: black } = await openPage(t, browser)
  await keepWords(black)
  await black.goto(url)
  await hasState(
    black,
    'degraded',
    'the picture arrives, but cannot be decoded',
  )
  t.notMatch((await wordsOf(black)).join('\n'), /Playing|Trying again/)
  t.same(errors, [])
})
