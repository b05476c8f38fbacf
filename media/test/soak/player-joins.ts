/** A healthy stream is never warned of, at any frame rate: 50 joins each. */
import t from 'tap'
import { startChromium } from '../whep/fixtures/chromium.ts'
import { joinOften } from '../whep/fixtures/joins.ts'

await t.test('joins', async t => {
  const browser = await startChromium(t)
  if (browser === undefined) return
  await joinOften(t, browser, { joins: 50, pages: 5 })
})
