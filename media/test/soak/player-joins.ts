/** As `our-player-joins.ts`, fifty times each. */
import t from 'tap'
import { startChromium } from '../whep/fixtures/chromium.ts'
import { joinOften } from '../whep/fixtures/joins.ts'

await t.test('joins', async t => {
  const browser = await startChromium(t)
  if (browser === undefined) return
  await joinOften(t, browser, { joins: 50, pages: 10, firstPort: 24_700 })
})
