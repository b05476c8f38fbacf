/**
 * Fifty joins of a healthy stream at the highest frame rate, by the whole
 * product: none gets a warning. Fewer frames a second are joined in
 * media/test/soak/player-joins.ts.
 */
import t from 'tap'
import { startChromium } from '../../../media/test/whep/fixtures/chromium.ts'
import { joinHealthy } from '../sources/fixtures/joins.ts'
import { Product } from '../sources/fixtures/product.ts'
import { takePorts } from '../../../shared/test/fixtures/ports.ts'

const UDP_PORTS = await takePorts(200)
const times = Number(process.env['JOINS'] ?? 50)
const JOINS = { times, atOnce: 4, stayMs: 5_000 }

t.setTimeout(0)

t.test('no healthy stream gets a warning', async t => {
  const browser = await startChromium(t)
  if (browser === undefined) return
  const product = await Product.start(t, UDP_PORTS)
  for (const rate of [60]) {
    await t.test(`${rate} frames a second`, t =>
      joinHealthy(t, { product, browser, rate, ...JOINS }),
    )
  }
})
