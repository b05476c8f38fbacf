/** Our own player page in Chromium, over real HTTP, worker and FFmpeg. */
import type { Page } from 'playwright-core'
import t from 'tap'
import { waitFor } from '../../fixtures/wait-for.ts'
import { openPage, startChromium } from '../fixtures/chromium.ts'
import { H264, LiveServer, VP8 } from '../fixtures/live-server.ts'

/** Waits until the player's status says `state`, or `words`. */
async function says(page: Page, state: string, words = ''): Promise<void> {
  await page
    .locator(`#state[data-state="${state}"]`, { hasText: words })
    .waitFor()
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
    caps: { total: 0, perStream: 4 },
    iceTimeoutMs: 3_000,
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
    await page.goto(at('/player/nobody'))
    await says(page, 'failed', 'There is no stream called nobody')
    await page.goto(at('/player/h264'))
    await says(page, 'playing')
    for (const session of server.sessions.of('h264')) session.end('kicked')
    await says(page, 'failed', 'The server ended this view')
    await says(page, 'playing')
    await page.getByRole('button', { name: 'Start again' }).click()
    await says(page, 'starting')
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

  await t.test('the panel provokes a codec mismatch', async t => {
    const { page } = await openPage(t, browser)
    await page.goto(at('/player/h264'))
    await says(page, 'playing')
    await page.getByText('Provoke').click()
    await page.getByRole('button', { name: 'Codec mismatch' }).click()
    await page.locator('#log', { hasText: 'POST gives 406' }).waitFor()
    for (const kind of ['video', 'audio']) {
      const labels = { stream_id: 'h264', kind }
      const count = server.observations.count('codec_mismatches_total', labels)
      t.equal(count, 1, kind)
    }
  })

  await t.test('the panel abandons an offer', async t => {
    const { page } = await openPage(t, browser)
    await page.goto(at('/player/h264'))
    await says(page, 'playing')
    await page.getByText('Provoke').click()
    await page.getByRole('button', { name: 'Abandoned offer' }).click()
    const log = page.locator('#log', { hasText: 'PATCH gives 404' })
    await log.waitFor()
    t.match(await log.textContent(), /ice-timeout/)
    const labels = { stream_id: 'h264', reason: 'timeout' }
    t.equal(server.observations.count('ice_failures_total', labels), 1)
  })

  await t.test('the panel reaches the cap', async t => {
    const { page } = await openPage(t, browser)
    await page.goto(at('/player/h264'))
    await says(page, 'playing')
    await page.getByText('Provoke').click()
    await page.getByRole('button', { name: 'Cap rejection' }).click()
    await page.locator('#log', { hasText: 'POST gives 503' }).waitFor()
    await page.locator('#log', { hasText: 'ending them' }).waitFor()
    const labels = { stream_id: 'h264', scope: 'stream' }
    t.equal(server.observations.count('cap_rejections_total', labels), 1)
    await says(page, 'playing')
    await page.goto('about:blank')
    await server.settles(idle)
  })
})
