/** The operator's page in Firefox: from nothing to a playing preview. */
import t from 'tap'
import { waitFor } from '../../../../shared/test/fixtures/wait-for.ts'
import { requireFfmpeg } from '../../fixtures/require-ffmpeg.ts'
import { wholeApp } from '../../fixtures/whole-app.ts'
import { Firefox } from '../../whep/fixtures/firefox.ts'

requireFfmpeg(t)

/** Fills the form as an operator does. Debian's Firefox may have no H264. */
const FILL = `(() => {
  const set = (id, value) => {
    const control = document.querySelector('#' + id)
    control.value = value
    control.dispatchEvent(new Event('input', { bubbles: true }))
  }
  set('id', 'pattern')
  set('kind', 'test')
  set('videoCodec', 'vp8')
  document.querySelector('form:not([hidden]) button:not([type])').click()
  return 'filled'
})()`
const TITLE = "document.querySelector('h1').textContent"
const PREVIEW = "document.querySelector('.preview')?.dataset.state"

await t.test('Firefox adds a test picture and plays its preview', async t => {
  const firefox = await Firefox.start(t)
  if (firefox === undefined) return
  const app = await wholeApp(t, {
    // Firefox ignores loopback candidates.
    CORE_WEBRTC_LISTEN_ADDRESSES: '0.0.0.0',
    CORE_WEBRTC_ANNOUNCED_ADDRESSES: '',
  })
  await firefox.goto(`${app.origin}/admin/#/add`)
  await firefox.evaluate(FILL)
  await waitFor(
    async () => (await firefox.evaluate(TITLE)) === 'pattern',
    'the page of the stream',
  )
  await waitFor(
    async () => (await firefox.evaluate(PREVIEW)) === 'playing',
    'the preview',
    90_000,
  )
  t.pass('the preview plays')
})
