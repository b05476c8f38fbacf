/**
 * Fifty joins of a healthy stream at 60 fps with both processes.
 * media/test/soak/player-joins.ts covers lower frame rates.
 */
import t from 'tap'
import { startChromium } from '../../../media/test/whep/fixtures/chromium.ts'
import { joinHealthy } from '../sources/fixtures/joins.ts'
import { Product } from '../sources/fixtures/product.ts'
import { takePorts } from '../../../shared/test/fixtures/ports.ts'

const UDP_PORTS = await takePorts(200)
const times = Number(process.env['JOINS'] ?? 50)
const JOINS = { times, concurrency: 4, stayMs: 5_000 }

t.setTimeout(0)

t.test('a healthy stream shows no warning', async t => {
  const browser = await startChromium(t)
  if (browser === undefined) return
  const product = await Product.start(t, UDP_PORTS)
  for (const rate of [60]) {
    await t.test(`${rate} fps show no warning`, t =>
      joinHealthy(t, { product, browser, rate, ...JOINS }),
    )
  }
})
