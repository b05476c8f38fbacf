/** The panel of the player page that provokes errors. */
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
  /** A playing page, after a click on a button of the panel. */
  const provoke = async (t: Test, name: string) => {
    const { page } = await openPage(t, browser)
    await page.goto(player)
    await hasState(page, 'playing')
    await page.getByText('Provoke').click()
    await page.getByRole('button', { name }).click()
    return page
  }

  await t.test('the panel provokes a codec mismatch', async t => {
    const page = await provoke(t, 'Codec mismatch')
    await page.locator('#log', { hasText: 'POST gives 406' }).waitFor()
    for (const kind of ['video', 'audio']) {
      const labels = { stream_id: 'h264', kind }
      const count = server.observations.count('codec_mismatches_total', labels)
      t.equal(count, 1, kind)
    }
  })

  await t.test('the panel abandons an offer', async t => {
    const page = await provoke(t, 'Abandoned offer')
    const log = page.locator('#log', { hasText: 'PATCH gives 404' })
    await log.waitFor()
    t.match(await log.textContent(), /ice-timeout/)
    const labels = { stream_id: 'h264', reason: 'timeout' }
    t.equal(server.observations.count('ice_failures_total', labels), 1)
  })

  await t.test('the panel reaches the cap', async t => {
    const page = await provoke(t, 'Cap rejection')
    await page.locator('#log', { hasText: 'POST gives 503' }).waitFor()
    await page.locator('#log', { hasText: 'ending them' }).waitFor()
    const labels = { stream_id: 'h264', scope: 'stream' }
    t.equal(server.observations.count('cap_rejections_total', labels), 1)
    await hasState(page, 'playing')
    await page.goto('about:blank')
    await server.settles(idle)
  })
})
