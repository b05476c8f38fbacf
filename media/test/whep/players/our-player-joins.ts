/** A healthy stream is never warned of, at any frame rate. */
import t from 'tap'
import { startChromium } from '../fixtures/chromium.ts'
import { joinOften } from '../fixtures/joins.ts'

await t.test('joins', async t => {
  const browser = await startChromium(t)
  if (browser === undefined) return
  await joinOften(t, browser, { joins: 10, pages: 5, firstPort: 24_650 })
})
