/** The status texts of the player page, in Chromium. */
import t from 'tap'
import { startChromium } from '../../../media/test/whep/fixtures/chromium.ts'
import { DEGRADED_CASES } from './fixtures/degraded-cases.ts'
import { H264 } from './fixtures/ffmpeg.ts'
import { joinHealthy } from './fixtures/joins.ts'
import { makeFile } from './fixtures/media-file.ts'
import { Product } from './fixtures/product.ts'
import { Viewing } from './fixtures/viewing.ts'
import { takePorts } from '../../../shared/test/fixtures/ports.ts'

const UDP_PORTS = await takePorts(200)

t.test('the player page explains what it plays', { jobs: 3 }, async t => {
  const browser = await startChromium(t)
  if (browser === undefined) return
  const product = await Product.start(t, UDP_PORTS)

  t.test('a healthy stream of 5 fps shows no warning', async t => {
    const joins = { rate: 5, times: 4, concurrency: 2, stayMs: 4_000 }
    await joinHealthy(t, { product, browser, ...joins })
  })

  t.test('a dark picture is explained by rare key frames', async t => {
    const address = await makeFile(t, {
      name: 'sparse.mp4',
      seconds: 200,
      video: [...H264, '-g', '195', '-sc_threshold', '0'],
    })
    await product.add(t, 'sparse', {
      inputs: [{ address, options: ['-re'] }],
      webrtc: { video: 'copy' },
    })
    await product.live('sparse')
    // A viewer that joins at a key frame does not wait, so join at three times.
    const views = await Promise.all(
      [0, 4_500, 9_000].map(async waitMs => {
        const viewing = await Viewing.open(t, browser, product.url, 'sparse')
        await viewing.page.waitForTimeout(waitMs)
        await viewing.page.reload()
        await viewing.page
          .locator('#state', { hasText: 'fault: video' })
          .waitFor()
        await viewing.settles({ fps: [12, 18], size: '320x180' })
        return viewing.statusTexts()
      }),
    )
    const texts = views.flat()
    t.ok(
      texts.some(({ words, dark }) => dark && words.includes('next key frame')),
      'the page waits for a key frame',
    )
    t.strictSame(
      texts.filter(({ words, dark }) => dark && words === 'Playing.'),
      [],
      'the page does not claim to play while dark',
    )
  })

  t.test('copied B-frames are shown as a fault', async t => {
    const bad = DEGRADED_CASES['copied B-frames']
    if (bad === undefined) throw new Error('Unknown case')
    await product.add(t, 'b-frames', await bad.open(t))
    await product.live('b-frames')
    const viewing = await Viewing.open(t, browser, product.url, 'b-frames')
    await viewing.page.locator('#state', { hasText: 'B-frames' }).waitFor()
    t.pass('the page names B-frames')
  })
})
