/** The operator's page in Chromium: one stream is changed and deleted. */
import t from 'tap'
import { waitFor } from '../../../../shared/test/fixtures/wait-for.ts'
import { requireFfmpeg } from '../../fixtures/require-ffmpeg.ts'
import { wholeApp } from '../../fixtures/whole-app.ts'
import {
  hasSaid,
  hasState,
  keepWords,
  openPage,
  startChromium,
} from '../../whep/fixtures/chromium.ts'
import { CHROMIUM } from '../../whep/fixtures/offers.ts'
import { Operator, seriousFindings } from '../fixtures/operator.ts'

requireFfmpeg(t)

/** Has keys that the form does not show. */
const STREAM = {
  id: 'cam',
  reference: 'front',
  input: [
    {
      id: 'main',
      address: 'testsrc2=size=320x180:rate=15',
      options: ['-re', '-f', 'lavfi'],
    },
  ],
  output: [],
  options: ['-nostdin'],
  reconnect: true,
  reconnect_delay_seconds: 1,
  stale_timeout_seconds: 77,
  limits: { cpu_usage: 900, memory_mbytes: 4096, waitfor_seconds: 9 },
  webrtc: {
    enabled: true,
    video: { codec: 'h264', bitrate_kbit: 700, fps: 12, key_frame_seconds: 2 },
    audio: 'none',
  },
}

await t.test('changing a stream', async t => {
  const browser = await startChromium(t)
  if (browser === undefined) return
  const app = await wholeApp(t, {
    // The probe below never connects, and must not end by itself.
    CORE_WEBRTC_ICE_TIMEOUT_MS: '120000',
  })
  const { status, text } = await app.call('POST', '/api/v3/process', STREAM)
  t.equal(status, 200, text)
  const config = () => app.get('/api/v3/process/cam/config')

  await t.test('an edit keeps what the form does not show', async t => {
    const before = await config()
    const operator = await Operator.open(t, browser, {
      ...app,
      hash: '#/stream/cam',
    })
    const { page } = operator
    await page.getByRole('link', { name: 'Edit' }).click()
    await operator.sees('Edit cam')
    await page.getByLabel('Maximum height').fill('120')
    await page.getByRole('button', { name: 'Save' }).click()
    await operator.sees('cam')
    const expected = structuredClone(before) as typeof STREAM
    Object.assign(expected.webrtc.video, { height: 120 })
    t.strictSame(await config(), expected)
  })

  await t.test('an emptied field is removed, and nothing else', async t => {
    const expected = (await config()) as {
      webrtc: { video: { height?: number } }
    }
    const operator = await Operator.open(t, browser, {
      ...app,
      hash: '#/edit/cam',
    })
    const { page } = operator
    await operator.sees('Edit cam')
    await page.getByLabel('Maximum height').fill('')
    await page.getByRole('button', { name: 'Save' }).click()
    await operator.sees('cam')
    delete expected.webrtc.video.height
    t.strictSame(await config(), expected)
  })

  await t.test('JSON shows and takes all of a process', async t => {
    const expected = (await config()) as { reference: string }
    const operator = await Operator.open(t, browser, {
      ...app,
      hash: '#/edit/cam',
    })
    const { page } = operator
    await operator.sees('Edit cam')
    await page.getByRole('button', { name: 'As JSON' }).click()
    const json = page.getByLabel('Process as JSON')
    t.strictSame(JSON.parse(await json.inputValue()), expected)
    t.same(await seriousFindings(page), [])
    await json.fill('{"id": ')
    await page.getByRole('button', { name: 'Save' }).click()
    t.match(await operator.errorAt('json').textContent(), /\S/)
    expected.reference = 'back'
    await json.fill(JSON.stringify(expected))
    await page.getByRole('button', { name: 'As a form' }).click()
    await page.getByRole('button', { name: 'Save' }).click()
    await operator.sees('cam')
    t.strictSame(await config(), expected)
  })

  await t.test('a viewer is kicked, and the player says so', async t => {
    const { page: player } = await openPage(t, browser)
    await keepWords(player)
    await player.goto(`${app.origin}/player/cam`)
    await hasState(player, 'playing')
    const operator = await Operator.open(t, browser, {
      ...app,
      hash: '#/stream/cam',
    })
    const { page } = operator
    await operator.previews()
    await page.getByRole('button', { name: 'End preview' }).click()
    const viewers = page.getByRole('table', { name: 'Viewers' })
    const rows = viewers.getByRole('row')
    await waitFor(async () => (await rows.count()) === 2, 'one viewer')
    t.match(await rows.nth(1).textContent(), /127\.0\.0\.1.*h264.*Chrome/)
    t.same(await seriousFindings(page), [])
    const probe = await fetch(`${app.origin}/api/v3/whep/cam`, {
      method: 'POST',
      headers: { 'Content-Type': 'application/sdp', 'Dragonfork-Probe': '1' },
      body: CHROMIUM,
    })
    t.equal(probe.status, 201)
    const probeRow = rows.filter({ hasText: 'probe' })
    await probeRow.waitFor()
    await page.getByText(/^1 of \d+ viewers$/).waitFor()
    await probeRow.getByRole('button', { name: 'Kick' }).click()
    await probeRow.waitFor({ state: 'detached' })
    await viewers.getByRole('button', { name: 'Kick' }).click()
    // It plays again after a second, which a busy machine may take to look.
    await hasSaid(player, 'The server ended this view.')
    await page.getByText('The viewer was disconnected.').waitFor()
  })

  await t.test('a stream is stopped, started and restarted', async t => {
    const operator = await Operator.open(t, browser, {
      ...app,
      hash: '#/stream/cam',
    })
    const { page } = operator
    const state = (name: string) =>
      page.locator(`.state[data-state="${name}"]`).waitFor()
    await state('live')
    await operator.previews()
    await page.getByRole('button', { name: 'End preview' }).click()
    await page.getByText('Nobody is watching.').waitFor()
    await page.getByRole('button', { name: 'Restart' }).click()
    await page.getByText('Restarted.').waitFor()
    await state('live')
    await page.getByRole('button', { name: 'Stop', exact: true }).click()
    const dialog = page.getByRole('dialog')
    await page.getByText('Stopped.').or(dialog).waitFor()
    if (await dialog.isVisible()) {
      await dialog.getByRole('button', { name: 'Stop' }).click()
    }
    await state('stopped')
    await page.getByRole('button', { name: 'Start', exact: true }).click()
    await state('live')
  })

  await t.test('deleting asks first and says what it takes away', async t => {
    const operator = await Operator.open(t, browser, {
      ...app,
      hash: '#/stream/cam',
    })
    const { page } = operator
    await operator.previews()
    await page.getByRole('button', { name: 'Delete' }).click()
    const dialog = page.getByRole('dialog', { name: 'Delete cam?' })
    await dialog.getByText(/cannot be undone.*disconnects \d viewer/).waitFor()
    t.same(await seriousFindings(page), [])
    await page.keyboard.press('Escape')
    await dialog.waitFor({ state: 'detached' })
    t.equal((await app.call('GET', '/api/v3/process/cam')).status, 200)
    await page.getByRole('button', { name: 'Delete' }).click()
    await dialog.getByRole('button', { name: 'Delete' }).click()
    await operator.sees('Streams')
    await page.getByText('There are no streams yet.').waitFor()
    t.equal((await app.call('GET', '/api/v3/process/cam')).status, 404)
    await operator.goto('#/stream/cam')
    await page.getByText('There is no stream with the id cam.').waitFor()
  })
})
