/**
 * Sources that are what other people's cameras, files and senders are, each
 * added as an operator adds it and watched in Chromium. Those that are not
 * quick are watched in deploy/test/soak/sources.ts.
 */
import t from 'tap'
import { startChromium } from '../../../media/test/whep/fixtures/chromium.ts'
import { ALL_CASES } from './fixtures/all-cases.ts'
import { Product } from './fixtures/product.ts'
import { checkSource } from './fixtures/source-case.ts'

const UDP_PORT = 28_000
const AT_ONCE = 3

t.test('sources', { jobs: AT_ONCE }, async t => {
  const browser = await startChromium(t)
  if (browser === undefined) return
  const product = await Product.start(t, UDP_PORT)
  for (const [what, one] of ALL_CASES) {
    if (one.quick !== true) continue
    t.test(what, t => checkSource(t, { product, browser }, one))
  }
})
