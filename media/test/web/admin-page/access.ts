/** The operator's page in Chromium: the token, and a server that is away. */
import t from 'tap'
import { requireFfmpeg } from '../../fixtures/require-ffmpeg.ts'
import { wholeApp } from '../../fixtures/whole-app.ts'
import { startChromium } from '../../whep/fixtures/chromium.ts'
import { openGate } from '../fixtures/gate.ts'
import { Operator, seriousFindings } from '../fixtures/operator.ts'

requireFfmpeg(t)

await t.test('access to the page', async t => {
  const browser = await startChromium(t)
  if (browser === undefined) return

  await t.test('the token is asked for once, until it changes', async t => {
    const first = await wholeApp(t, { CORE_API_TOKEN: 'first-token' })
    const gate = await openGate(t, first.origin)
    const operator = await Operator.open(t, browser, gate)
    const { page } = operator
    await page.getByText('This server requires its admin token.').waitFor()
    t.same(await seriousFindings(page), [])
    t.notOk(await page.locator('#view').isVisible())
    t.equal(await page.locator('#box').textContent(), '', 'it shows no data')
    t.equal(await page.locator('tbody tr').count(), 0)
    const enter = async (token: string) => {
      await page.getByLabel('Admin token').fill(token)
      await page.getByRole('button', { name: 'Use token' }).click()
    }
    await enter('a-guess')
    await page.getByText('The server does not accept this token.').waitFor()
    await enter('first-token')
    await page.getByText('There are no streams yet.').waitFor()
    await page.reload()
    await page.getByText('There are no streams yet.').waitFor()
    t.same(await page.context().cookies(), [])
    await page.getByRole('link', { name: 'Add a stream' }).first().click()
    await page.getByLabel('Id', { exact: true }).fill('typed')

    const second = await wholeApp(t, { CORE_API_TOKEN: 'second-token' })
    gate.cut()
    gate.lead(second.origin)
    await page.getByText('The server does not accept this token.').waitFor()
    await enter('second-token')
    await operator.sees('Add a stream')
    const id = page.getByLabel('Id', { exact: true })
    t.equal(await id.inputValue(), 'typed', 'what was typed is kept')
    await page.goto(`${gate.origin}/`)
    await page.getByRole('link', { name: 'Administration' }).click()
    await operator.sees('Streams')
  })

  await t.test(
    'without a token set, only the same machine has access',
    async t => {
      const app = await wholeApp(t)
      const operator = await Operator.open(t, browser, app)
      await operator.page.getByText('There are no streams yet.').waitFor()
      const context = await browser.newContext({
        extraHTTPHeaders: { 'X-Forwarded-For': '192.0.2.1' },
      })
      t.teardown(() => context.close())
      const page = await context.newPage()
      await page.goto(`${app.origin}/admin/`)
      await page.getByText('CORE_API_TOKEN is not set').waitFor()
      t.equal(await page.getByLabel('Admin token').isVisible(), false)
    },
  )

  await t.test(
    'the page says that the server is away, and recovers',
    async t => {
      const app = await wholeApp(t)
      const gate = await openGate(t, app.origin)
      await app.addDemo()
      const operator = await Operator.open(t, browser, gate)
      const { page } = operator
      await operator.row('demo').getByText('live').waitFor()
      gate.cut()
      await page.getByText('The server cannot be reached.').waitFor()
      t.equal(await operator.row('demo').count(), 1, 'the last state stays')
      gate.lead(app.origin)
      await page.getByText('The server cannot be reached.').waitFor({
        state: 'detached',
      })
    },
  )
})
