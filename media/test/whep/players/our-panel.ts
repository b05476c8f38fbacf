/** The folded panel of our player page, which provokes errors. */
import t from 'tap'
import { openPage, says, startChromium } from '../fixtures/chromium.ts'
import { H264, LiveServer } from '../fixtures/live-server.ts'

await t.test('the panel', async t => {
  const browser = await startChromium(t)
  if (browser === undefined) return
  const server = await LiveServer.start(t, {
    firstPort: 24_480,
    ports: 19,
    streams: { h264: H264 },
    caps: { total: 0, perStream: 4 },
    iceTimeoutMs: 3_000,
  })
  const idle = server.portsInUse
  const at = (path: string) => new URL(path, server.base).href

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
