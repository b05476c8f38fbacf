/** The player page on unusual sources. */
import t from 'tap'
import { waitFor } from '../../../shared/test/fixtures/wait-for.ts'
import {
  decodes,
  keepWords,
  openPage,
  hasState,
  startChromium,
  warningsOf,
  wordsOf,
} from '../whep/fixtures/chromium.ts'
import { encodedFile } from '../whep/fixtures/encoded.ts'
import { LiveServer, VP8 } from '../whep/fixtures/live-server.ts'

const COPY = { video: { codec: 'copy' } }

const PICTURES = 'testsrc2=size=320x180:rate=1/8'
const TONE = 'sine=frequency=440:sample_rate=48000'
/**
 * One input, like a camera with a microphone. FFmpeg reads the slower one of
 * two inputs first, so sound from a second one comes in bursts of 8 s.
 */
const SELDOM = ['-analyzeduration', '1', '-f', 'lavfi', '-i']

const KEY_FRAME = 'Connected, waiting for the next key frame.'

await t.test('the player page on unusual sources', async t => {
  const browser = await startChromium(t)
  if (browser === undefined) return
  const server = await LiveServer.start(t, {
    ports: 60,
    streams: {
      seldom: VP8,
      'seldom-mute': { ...VP8, audio: { codec: 'none' } },
      'few-key-frames': COPY,
    },
    inputs: {
      seldom: [...SELDOM, `${PICTURES}[out0];${TONE},arealtime[out1]`],
      'seldom-mute': ['-re', '-f', 'lavfi', '-i', PICTURES],
      'few-key-frames': await encodedFile(t, ['-g', `${15 * 20}`]),
    },
    // Longer than the 8 s between two pictures.
    stack: { legTimeoutMs: 30_000 },
  })
  const at = (id: string) => new URL(`/player/${id}`, server.base).href
  // FFmpeg sends the sound from the second picture on.
  const { streams } = server.stack
  await waitFor(() => {
    const { audio } = streams.find('seldom')?.status.legs ?? {}
    return audio !== undefined && audio.packets > 100
  }, 'steady sound')

  for (const id of ['seldom', 'seldom-mute']) {
    await t.test(
      `${id}: the page shows no fault for a picture every 8 s`,
      async t => {
        const { page, errors } = await openPage(t, browser)
        await keepWords(page)
        await page.goto(at(id))
        // On a busy machine a picture may be half a second late.
        await hasState(page, 'playing', /this source sends one every [789] s/)
        await decodes(page, 4)
        t.strictSame(await warningsOf(page), [])
        t.equal(server.sessions.of(id).length, 1)
        t.notMatch((await wordsOf(page)).join('\n'), /Trying again/)
        t.same(errors, [])
        await page.goto('about:blank')
      },
    )
  }

  await t.test('the page says that it waits for a key frame', async t => {
    const id = 'few-key-frames'
    const { page: first } = await openPage(t, browser)
    await first.goto(at(id))
    await decodes(first, 1)
    // The next key frame is 20 s away now.
    const { page, errors } = await openPage(t, browser)
    await keepWords(page)
    await page.goto(at(id))
    await hasState(page, 'connected', KEY_FRAME)
    await decodes(page, 5)
    const words = (await wordsOf(page)).join('\n')
    const [before = ''] = words.split(KEY_FRAME)
    t.notMatch(
      before,
      /Playing|stands still/,
      'a black picture is not called playing',
    )
    t.notMatch(words, /Trying again/)
    t.equal(server.sessions.of(id).length, 2)
    t.same(errors, [])
  })
})
