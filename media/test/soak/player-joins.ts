/** 50 joins of a healthy stream at each frame rate. */
import t from 'tap'
import { startChromium } from '../whep/fixtures/chromium.ts'
import { joinOften } from '../whep/fixtures/joins.ts'

await t.test('the player shows no warning for a healthy stream', async t => {
  const browser = await startChromium(t)
  if (browser === undefined) return
  await joinOften(t, browser, { joins: 50, pages: 5 })
})
