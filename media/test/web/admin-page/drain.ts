/** The operator's page in Chromium: the drain. */
import t from 'tap'
import { waitFor } from '../../../../shared/test/fixtures/wait-for.ts'
import type { DrainStatus } from '../../../whep/drain.ts'
import { wholeApp } from '../../fixtures/whole-app.ts'
import { startChromium } from '../../whep/fixtures/chromium.ts'
import { Operator, seriousFindings } from '../fixtures/operator.ts'

await t.test('the operator starts and stops a drain', async t => {
  const browser = await startChromium(t)
  if (browser === undefined) return
  const app = await wholeApp(t)
  const status = async () =>
    (await app.get('/api/v3/webrtc/drain')) as DrainStatus
  const operator = await Operator.open(t, browser, app)
  const { page } = operator
  const box = page.getByRole('list', { name: 'Server' })
  const start = page.getByRole('button', { name: 'Drain', exact: true })
  const stop = page.getByRole('button', { name: 'Stop draining' })
  const confirmed = page.getByRole('dialog').getByRole('button', {
    name: 'Drain',
  })
  const seconds = page.getByLabel('Disconnect viewers after')
  await box.getByText('0 of 200 viewers').waitFor()
  t.equal(await stop.isVisible(), false)

  await start.click()
  await page.getByRole('button', { name: 'Cancel' }).click()
  await start.click()
  t.equal((await status()).draining, false, 'the dialog was cancelled')
  await confirmed.click()
  await box.getByText(/^draining for \d+ s, 0 viewers left$/).waitFor()
  t.match(await status(), { draining: true, end_after: null })
  t.same(await seriousFindings(page), [])
  t.equal(await start.isVisible(), false)

  await stop.click()
  await start.waitFor()
  t.equal((await status()).draining, false)
  await waitFor(
    async () => !(await box.textContent())?.includes('draining'),
    'the words to go',
  )

  await seconds.fill('600')
  await start.click()
  await page.getByText('Those who are left after 600 s').waitFor()
  await confirmed.click()
  await stop.waitFor()
  t.match(await status(), { draining: true, end_after: 600 })
  // What the API answers is shown if another client was faster.
  await app.call('PUT', '/api/v3/webrtc/drain', { drain: false })
  await start.waitFor()
  t.same(operator.errors, [])
})
