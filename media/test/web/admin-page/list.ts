/** The operator's page in Chromium: the list of streams. */
import t from 'tap'
import { waitFor } from '../../../../shared/test/fixtures/wait-for.ts'
import { requireFfmpeg } from '../../fixtures/require-ffmpeg.ts'
import { wholeApp, type WholeApp } from '../../fixtures/whole-app.ts'
import { startChromium } from '../../whep/fixtures/chromium.ts'
import { Operator, seriousFindings } from '../fixtures/operator.ts'

requireFfmpeg(t)

const EVERY_CHARACTER =
  'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.~:@-'
const HTML = '<img src=x onerror=window.ran=1>'

/** Adds a stream that does not run. */
async function addStopped(app: WholeApp, id: string): Promise<void> {
  const { status, text } = await app.call('POST', '/api/v3/process', {
    id,
    input: [{ address: 'testsrc2', options: ['-f', 'lavfi'] }],
    output: [],
    autostart: false,
    webrtc: { enabled: true },
  })
  if (status !== 200) throw new Error(text)
}

await t.test('the list of streams', async t => {
  const browser = await startChromium(t)
  if (browser === undefined) return

  await t.test('200 streams keep scroll position and focus', async t => {
    const app = await wholeApp(t)
    const ids = Array.from({ length: 200 }, (_, at) => `cam-${at}`)
    for (const id of ids) await addStopped(app, id)
    const operator = await Operator.open(t, browser, app)
    const { page } = operator
    await page.getByText('200 stopped').waitFor()
    t.equal(await page.getByRole('row').count(), 201)
    const last = page.getByRole('link', { name: 'cam-99' })
    await last.focus()
    const place = () =>
      page.evaluate<string>(
        '`${Math.round(scrollY)} ${document.activeElement.textContent}`',
      )
    const before = await place()
    t.match(before, /^[1-9]\d+ cam-99$/)
    // The next answers of the server change the order around it.
    await addStopped(app, 'zzz')
    await page.getByText('201 stopped').waitFor()
    t.equal(await place(), before)
    await app.call('DELETE', '/api/v3/process/zzz')
    await page.getByText('200 stopped').waitFor()
    t.equal(await place(), before)
    await page.getByLabel('Show only ids with').fill('CAM-19')
    t.equal(await page.getByRole('row').count(), 12)
    t.same(await seriousFindings(page), [])
  })

  await t.test('the worst stream comes first, with its reason', async t => {
    const app = await wholeApp(t)
    await addStopped(app, 'a-stopped')
    await app.addDemo()
    await app.call('POST', '/api/v3/process', {
      id: EVERY_CHARACTER,
      input: [{ address: `/${HTML}.mp4`, options: [] }],
      output: [],
      reconnect: true,
      reconnect_delay_seconds: 1,
      webrtc: { enabled: true },
    })
    const operator = await Operator.open(t, browser, app)
    const { page } = operator
    const idsShown = async () =>
      (await page.locator('tbody th a').allTextContents()).join(' ')
    await waitFor(
      async () => (await idsShown()) === `${EVERY_CHARACTER} demo a-stopped`,
      'the order',
    )
    const row = operator.row(EVERY_CHARACTER)
    await row.getByText('failed', { exact: true }).waitFor()
    t.not(await row.locator('.reason').textContent(), '')
    const demo = operator.row('demo')
    await demo.getByText(/^video h264, \d+ packets\/s$/).waitFor()
    await demo.getByText(/×, \d+ % CPU, \d+ MB$/).waitFor()
    await page.getByText('1 media worker').waitFor()
    await page.getByText(/^exporter not connected/).waitFor()
    t.same(await seriousFindings(page), [])

    await page.getByRole('link', { name: EVERY_CHARACTER }).click()
    await operator.sees(EVERY_CHARACTER)
    const log = page.getByRole('region', { name: 'Last lines of FFmpeg' })
    await log.getByText(HTML).first().waitFor()
    t.equal(await page.locator('img').count(), 0)
    t.equal(await page.evaluate('window.ran'), undefined)
    t.same(operator.errors, [])
  })

  await t.test(
    'a screen of 320 pixels shows all without scrolling aside',
    async t => {
      const app = await wholeApp(t)
      await app.addDemo()
      const operator = await Operator.open(t, browser, app)
      const { page } = operator
      await page.setViewportSize({ width: 320, height: 640 })
      const fits = () =>
        page.evaluate<boolean>(
          'document.documentElement.scrollWidth <= window.innerWidth',
        )
      for (const hash of ['#/', '#/stream/demo', '#/add', '#/edit/demo']) {
        for (const colorScheme of ['light', 'dark'] as const) {
          await page.emulateMedia({ colorScheme })
          await operator.goto(hash)
          await page.getByText('1 media worker').waitFor()
          await page.getByRole('heading', { level: 1 }).waitFor()
          t.equal(await fits(), true, hash)
          t.same(await seriousFindings(page), [], `${hash}, ${colorScheme}`)
        }
      }
      for (const path of ['/', '/player/demo']) {
        await page.goto(`${app.origin}${path}`)
        await page.getByRole('heading', { level: 1 }).waitFor()
        await page.getByRole('link', { name: 'Administration' }).waitFor()
        t.equal(await fits(), true, path)
        t.same(await seriousFindings(page), [], path)
      }
    },
  )
})
