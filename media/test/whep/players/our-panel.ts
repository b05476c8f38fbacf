/** The panel of the player page that provokes errors. */
import type { Page } from 'playwright-core'
import t, { type Test } from 'tap'
import { openPage, hasState, startChromium } from '../fixtures/chromium.ts'
import { H264, LiveServer } from '../fixtures/live-server.ts'

await t.test('the panel', async t => {
  const browser = await startChromium(t)
  if (browser === undefined) return
  const server = await LiveServer.start(t, {
    ports: 19,
    streams: { h264: H264 },
    caps: { total: 0, perStream: 4 },
    iceTimeoutMs: 3_000,
  })
  const idle = server.portsInUse
  const player = new URL('/player/h264', server.base).href
  const playing = async (t: Test) => {
    const { page } = await openPage(t, browser)
    await page.goto(player)
    await hasState(page, 'playing')
    return page
  }
  /** Clicks on a button of the panel. */
  const provoke = async (page: Page, name: string) => {
    await page.getByText('Provoke').click()
    await page.getByRole('button', { name }).click()
  }

  await t.test('the panel provokes a codec mismatch', async t => {
    const page = await playing(t)
    await provoke(page, 'Codec mismatch')
    await page.locator('#log', { hasText: 'POST gives 406' }).waitFor()
    for (const kind of ['video', 'audio']) {
      const labels = { stream_id: 'h264', kind }
      const count = server.observations.count('codec_mismatches_total', labels)
      t.equal(count, 1, kind)
    }
  })

  await t.test('the panel abandons an offer', async t => {
    const page = await playing(t)
    const labels = { stream_id: 'h264', reason: 'timeout' }
    const timeouts = () =>
      server.observations.count('ice_failures_total', labels)
    // On a busy machine a page may have connected at its second attempt.
    const before = timeouts()
    await provoke(page, 'Abandoned offer')
    const log = page.locator('#log', { hasText: 'PATCH gives 404' })
    await log.waitFor()
    t.match(await log.textContent(), /ice-timeout/)
    t.equal(timeouts(), before + 1)
  })

  await t.test('the panel reaches the cap', async t => {
    const page = await playing(t)
    await provoke(page, 'Cap rejection')
    await page.locator('#log', { hasText: 'POST gives 503' }).waitFor()
    await page.locator('#log', { hasText: 'ending them' }).waitFor()
    const labels = { stream_id: 'h264', scope: 'stream' }
    t.equal(server.observations.count('cap_rejections_total', labels), 1)
    await hasState(page, 'playing')
    await page.goto('about:blank')
    await server.settles(idle)
  })
})
