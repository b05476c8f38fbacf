/** The player page in Chromium when something keeps it from playing. */
import type { Page } from 'playwright-core'
import t from 'tap'
import { waitFor } from '../../../shared/test/fixtures/wait-for.ts'
import {
  decodes,
  hasSaid,
  keepWords,
  openPage,
  hasState,
  startChromium,
  wordsOf,
} from '../whep/fixtures/chromium.ts'
import { H264, LiveServer, VP8 } from '../whep/fixtures/live-server.ts'

/** Like a browser that blocks autoplay even without sound. */
const NO_AUTOPLAY = `
  const { play } = HTMLMediaElement.prototype
  HTMLMediaElement.prototype.play = async () => {
    throw new DOMException('no gesture', 'NotAllowedError')
  }
  window.playByGesture = video => play.call(video)
  document.addEventListener('DOMContentLoaded', () => {
    document.querySelector('video').autoplay = false
  })`

/** Blocks the page once it has its answer. */
const STUCK = `
  RTCPeerConnection.prototype.setRemoteDescription = () => {
    window.stuck = true
    return new Promise(() => {})
  }`

/** Renames a codec in the page's offers, like a browser without it. */
async function without(page: Page, codec: RegExp): Promise<void> {
  await page.route('**/api/**', async route => {
    const postData = route.request().postData()?.replace(codec, 'X-NONE')
    await route.continue(postData === undefined ? {} : { postData })
  })
}

await t.test('the player page, kept from playing', async t => {
  const browser = await startChromium(t)
  if (browser === undefined) return
  const server = await LiveServer.start(t, {
    ports: 30,
    streams: { h264: H264, vp8: VP8 },
    caps: { total: 2, perStream: 1 },
  })
  const idle = server.portsInUse
  const at = (path: string) => new URL(path, server.base).href
  const iceFailures = () => server.observations.count('ice_failures_total')

  await t.test(
    'leaving the page before it is connected ends the session',
    async t => {
      const { page } = await openPage(t, browser)
      await page.addInitScript(STUCK)
      await page.goto(at('/player/h264'))
      await waitFor(() => page.evaluate<boolean>('window.stuck === true'), 'it')
      t.equal(server.sessions.of('h264').length, 1)
      await page.goto('about:blank')
      await server.settles(idle)
      t.equal(iceFailures(), 0, 'no failure is counted')
    },
  )

  await t.test('closing the page ends the session', async () => {
    const page = await browser.newPage()
    await page.goto(at('/player/h264'))
    await hasState(page, 'playing')
    await page.close()
    await server.settles(idle)
  })

  await t.test(
    'the page has one session, however often it is started',
    async t => {
      const { page, errors } = await openPage(t, browser)
      await page.goto(at('/player/h264'))
      for (let i = 0; i < 10; i++) {
        await page.getByRole('button', { name: 'Start again' }).click()
      }
      await hasState(page, 'playing')
      await decodes(page, 5)
      t.equal(server.sessions.of('h264').length, 1)
      await page.goto('about:blank')
      await server.settles(idle)
      // The stream admits one viewer: a second session would be rejected.
      t.equal(server.observations.count('cap_rejections_total'), 0)
      t.same(errors, [])
      t.equal(iceFailures(), 0)
    },
  )

  await t.test(
    'the page waits for a click if the browser blocks autoplay',
    async t => {
      const { page } = await openPage(t, browser)
      await keepWords(page)
      await page.addInitScript(NO_AUTOPLAY)
      await page.goto(at('/player/h264'))
      await hasState(page, 'paused', 'press play')
      await page.evaluate("playByGesture(document.querySelector('video'))")
      await hasState(page, 'playing')
      t.notMatch((await wordsOf(page)).join(), /Trying again/)
      t.equal(server.sessions.of('h264').length, 1)
      await page.evaluate("document.querySelector('video').pause()")
      await hasState(page, 'paused')
      await page.goto('about:blank')
      await server.settles(idle)
    },
  )

  await t.test('the page says which cap is reached', async t => {
    const { page: first } = await openPage(t, browser)
    await first.goto(at('/player/h264'))
    await hasState(first, 'playing')
    const { page } = await openPage(t, browser)
    await page.goto(at('/player/h264'))
    await hasState(page, 'failed', 'All 1 places of this stream are taken')
    await first.goto(at('/player/vp8'))
    await hasState(first, 'playing')
    await hasState(page, 'playing')
    const { page: third } = await openPage(t, browser)
    await third.goto(at('/player/h264'))
    await hasState(third, 'failed', 'All 2 places of the server are taken')
    for (const each of [first, page, third]) await each.goto('about:blank')
    await server.settles(idle)
  })

  await t.test('a browser without the video codec plays the audio', async t => {
    const { page } = await openPage(t, browser)
    await without(page, /VP8/g)
    await page.goto(at('/player/vp8'))
    await hasState(page, 'playing', 'This browser cannot play the video')
    const kinds = await page.evaluate(
      "document.querySelector('video').srcObject.getTracks()" +
        '.map(track => track.kind)',
    )
    t.same(kinds, ['audio'])
    await page.goto('about:blank')
    await server.settles(idle)
  })

  await t.test(
    'a browser without either codec shows an error and does not retry',
    async t => {
      const { page, errors } = await openPage(t, browser)
      await without(page, /VP8|opus/gi)
      await page.goto(at('/player/vp8'))
      await hasState(page, 'failed', 'cannot play the video and audio')
      t.match(errors, [/406/], 'it sent one POST')
      t.equal(server.slotsTaken, 0)
    },
  )

  await t.test(
    'the page shows a lost network and plays when it is back',
    async t => {
      const { page } = await openPage(t, browser)
      await keepWords(page)
      await page.goto(at('/player/h264'))
      await hasState(page, 'playing')
      const [kicked] = server.sessions.of('h264')
      await page.context().setOffline(true)
      kicked?.end('kicked')
      await hasSaid(page, 'The server ended this view. Trying again in 1 s')
      await hasSaid(page, 'The server cannot be reached. Trying again in 2 s')
      await hasSaid(page, 'The server cannot be reached. Trying again in 4 s')
      await page.context().setOffline(false)
      await hasState(page, 'playing')
      await page.goto('about:blank')
      await server.settles(idle)
    },
  )
})

await t.test('the page asks for a viewer token and keeps it', async t => {
  const browser = await startChromium(t)
  if (browser === undefined) return
  const server = await LiveServer.start(t, {
    ports: 15,
    streams: { vp8: VP8 },
    config: { whepToken: 'a-secret' },
  })
  const idle = server.portsInUse
  const { page } = await openPage(t, browser)
  await page.goto(server.base.href)
  await page.getByLabel('Stream id').fill('vp8')
  await page.keyboard.press('Enter')
  await hasState(page, 'failed', 'wants a viewer token')
  const token = page.getByLabel('Viewer token')
  t.equal(await page.evaluate('document.activeElement.id'), 'token')
  await token.fill('a-guess')
  await page.keyboard.press('Enter')
  await hasState(page, 'failed', 'does not accept this viewer token')
  await token.fill('a-secret')
  await page.getByRole('button', { name: 'Use token' }).click()
  await hasState(page, 'playing')
  t.notOk(await token.isVisible())
  await page.reload()
  await hasState(page, 'playing')
  await page.goto('about:blank')
  await server.settles(idle)
})

await t.test('a page from the back-forward cache plays again', async t => {
  const browser = await startChromium(t, {
    ignoreDefaultArgs: ['--disable-back-forward-cache'],
  })
  if (browser === undefined) return
  const server = await LiveServer.start(t, {
    ports: 15,
    streams: { vp8: VP8 },
  })
  const idle = server.portsInUse
  const { page } = await openPage(t, browser)
  await page.goto(new URL('/player/vp8', server.base).href)
  await hasState(page, 'playing')
  await page.evaluate(
    "window.addEventListener('pageshow', event => " +
      '(document.body.dataset.kept = event.persisted))',
  )
  await page.goto(server.base.href)
  await server.settles(idle)
  // A page from the cache fires no load event.
  await page.goBack({ waitUntil: 'commit' })
  await hasState(page, 'playing')
  await waitFor(() => server.sessions.of('vp8').length === 1, 'a session')
  t.equal(await page.getAttribute('body', 'data-kept'), 'true')
  await page.goto('about:blank')
  await server.settles(idle)
})
