/** Fifty joins of a healthy stream at each frame rate: none gets a warning. */
import t from 'tap'
import { startChromium } from '../../../media/test/whep/fixtures/chromium.ts'
import { joinHealthy } from '../sources/fixtures/joins.ts'
import { Product } from '../sources/fixtures/product.ts'

const UDP_PORT = 30_200
const times = Number(process.env['JOINS'] ?? 50)
const JOINS = { times, atOnce: 3, stayMs: 5_000 }

t.setTimeout(0)

t.test('no healthy stream gets a warning', async t => {
  const browser = await startChromium(t)
  if (browser === undefined) return
  const product = await Product.start(t, UDP_PORT)
  for (const rate of [1, 5, 30, 60]) {
    await t.test(`${rate} frames a second`, t =>
      joinHealthy(t, { product, browser, rate, ...JOINS }),
    )
  }
})
