/** Our own player page in Chromium, over real HTTP, worker and FFmpeg. */
import type { Page } from 'playwright-core'
import t from 'tap'
import { waitFor } from '../../fixtures/wait-for.ts'
import { openPage, says, startChromium } from '../fixtures/chromium.ts'
import { H264, LiveServer, VP8 } from '../fixtures/live-server.ts'

/** Keeps what the status said, for words that do not stay. */
const KEEP_WORDS = `
  window.said = []
  document.addEventListener('DOMContentLoaded', () => {
    const state = document.querySelector('#state')
    new MutationObserver(() => window.said.push(state.textContent)).observe(
      state, { childList: true, characterData: true, subtree: true })
  })`

/** Waits until the status has said `words`, maybe for a moment only. */
async function hasSaid(page: Page, words: string): Promise<void> {
  await waitFor(async () => {
    const said = await page.evaluate<string[]>('window.said')
    return said.some(each => each.includes(words))
  }, `"${words}"`)
}

/** Waits until the page has decoded so many frames. */
async function decodes(page: Page, frames: number): Promise<void> {
  await waitFor(async () => {
    const decoded = await page.getAttribute('body', 'data-frames')
    return Number(decoded) >= frames
  }, `${frames} frames`)
}

await t.test('our player', async t => {
  const browser = await startChromium(t)
  if (browser === undefined) return
  const server = await LiveServer.start(t, {
    firstPort: 44_060,
    streams: { h264: H264, vp8: VP8 },
    config: { publicBasePath: '/live' },
  })
  const idle = server.portsInUse
  const at = (path: string) => new URL(path, server.base).href

  await t.test('from the list to the picture, and away', async t => {
    const { page, errors } = await openPage(t, browser)
    await page.goto(at('/'))
    t.same(await page.locator('#streams a').allTextContents(), ['h264', 'vp8'])
    await page.getByRole('link', { name: 'h264' }).click()
    await says(page, 'playing')
    await decodes(page, 20)
    t.match(await page.locator('#numbers').textContent(), /^320×180, /)
    const kinds = await page.evaluate(
      "document.querySelector('video').srcObject.getTracks()" +
        ".map(track => track.kind).sort().join(' ')",
    )
    t.equal(kinds, 'audio video')
    t.same(errors, [])
    await page.goto('about:blank')
    await server.settles(idle)
    t.equal(server.observations.count('ice_failures_total'), 0)
  })

  for (const path of ['/live/player/vp8', '/player/vp8', '/player/vp8/']) {
    await t.test(`${path} plays`, async t => {
      const { page, errors } = await openPage(t, browser)
      await page.goto(at(path))
      await says(page, 'playing')
      await decodes(page, 5)
      t.same(errors, [])
      await page.goto('about:blank')
      await server.settles(idle)
    })
  }

  await t.test('what goes wrong is said in words, and retried', async t => {
    const { page } = await openPage(t, browser)
    await page.addInitScript(KEEP_WORDS)
    await page.goto(at('/player/nobody'))
    await says(page, 'failed', 'There is no stream called nobody')
    await page.goto(at('/player/h264'))
    await says(page, 'playing')
    const [kicked] = server.sessions.of('h264')
    kicked?.end('kicked')
    await hasSaid(page, 'The server ended this view. Trying again')
    const back = await waitFor(() => server.sessions.of('h264')[0], 'a retry')
    await says(page, 'playing')
    await page.getByRole('button', { name: 'Start again' }).click()
    await waitFor(
      () => server.sessions.of('h264').some(session => session !== back),
      'another session',
    )
    await says(page, 'playing')
    await page.goto('about:blank')
    await server.settles(idle)
  })

  await t.test('a lost connection is had back by an ICE restart', async t => {
    const { page } = await openPage(t, browser)
    await page.goto(at('/player/h264'))
    await says(page, 'playing')
    const pids = server.stack.engine.workers.map(({ pid }) => pid)
    const thaw = () => {
      for (const pid of pids) process.kill(pid, 'SIGCONT')
    }
    t.teardown(thaw)
    const patching = page.waitForRequest(request => {
      return request.method() === 'PATCH'
    })
    for (const pid of pids) process.kill(pid, 'SIGSTOP')
    await says(page, 'starting', 'The connection was lost')
    await patching
    thaw()
    await says(page, 'playing')
    await waitFor(
      () =>
        server.observations.count('whep_requests_total', {
          route: 'PATCH /api/v3/whep/{id}/{r}',
          code: '200',
        }) === 1,
      'the restart',
    )
    t.equal(server.sessions.of('h264').length, 1)
    await page.goto('about:blank')
    await server.settles(idle)
  })

  await t.test(
    'a source that falls silent is said, and comes back',
    async t => {
      const { page } = await openPage(t, browser)
      await page.goto(at('/player/vp8'))
      await says(page, 'playing')
      server.pause('vp8')
      await says(page, 'still', 'The picture stands still')
      server.resume('vp8')
      await says(page, 'playing')
      t.equal(server.sessions.of('vp8').length, 1, 'the session went on')
      await page.goto('about:blank')
      await server.settles(idle)
    },
  )
})
