/**
 * Cameras, files and senders as users have them, each added through the API and
 * played in Chromium. The seed decides the order, so that different cases run
 * concurrently each time.
 */
import t from 'tap'
import { startChromium } from '../../../media/test/whep/fixtures/chromium.ts'
import { createRandom } from '../fixtures/chaos/random.ts'
import { ALL_CASES } from '../sources/fixtures/all-cases.ts'
import { Product } from '../sources/fixtures/product.ts'
import { checkSource } from '../sources/fixtures/source-case.ts'
import { takePorts } from '../../../shared/test/fixtures/ports.ts'

const UDP_PORTS = await takePorts(200)
const CONCURRENCY = 2

const seed = Number(process.env['SOURCES_SEED'] ?? Date.now() % 100_000)

t.setTimeout(0)

t.test(`sources play, seed ${seed}`, { jobs: CONCURRENCY }, async t => {
  const browser = await startChromium(t)
  if (browser === undefined) return
  const product = await Product.start(t, UDP_PORTS)
  const random = createRandom(seed)
  const order = ALL_CASES.map(one => ({ one, at: random.next() })).toSorted(
    (a, b) => a.at - b.at,
  )
  for (const { one } of order) {
    const [what, source] = one
    t.test(`${what} plays as expected`, t =>
      checkSource(t, { product, browser }, source),
    )
  }
})
