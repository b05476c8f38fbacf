/** The operator's page in Chromium: adding streams, on a real server. */
import { createServer } from 'node:net'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { temporaryFolder } from '../../../../shared/test/fixtures/temporary-folder.ts'
import { requireFfmpeg } from '../../fixtures/require-ffmpeg.ts'
import { wholeApp } from '../../fixtures/whole-app.ts'
import { hasState, startChromium } from '../../whep/fixtures/chromium.ts'
import { makeClip } from '../fixtures/clip.ts'
import { Operator, seriousFindings } from '../fixtures/operator.ts'

requireFfmpeg(t)

/** A camera that accepts connections and never answers; its port. */
async function silentCamera(t: Test): Promise<number> {
  const server = createServer(socket => {
    socket.on('error', () => undefined)
    t.teardown(() => socket.destroy())
  })
  t.teardown(() => server.close())
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return (server.address() as AddressInfo).port
}

await t.test('adding streams on the page', async t => {
  const browser = await startChromium(t)
  if (browser === undefined) return
  const app = await wholeApp(t, { CORE_WEBRTC_LEG_START_TIMEOUT_MS: '1000' })

  await t.test('a test picture goes from nothing to a preview', async t => {
    const operator = await Operator.open(t, browser, app)
    const { page, errors } = operator
    await page.getByText('There are no streams yet.').waitFor()
    await page.getByRole('link', { name: 'Add a stream' }).first().click()
    await operator.sees('Add a stream')
    t.same(await seriousFindings(page), [])
    await page.getByLabel('Id', { exact: true }).fill('pattern')
    await page.getByLabel('Kind', { exact: true }).selectOption('test')
    await page.getByRole('button', { name: 'Add' }).click()
    await operator.sees('pattern')
    await operator.previews()
    t.same(await seriousFindings(page), [])
    const link = page.getByLabel('Link for viewers')
    t.equal(await link.inputValue(), `${app.origin}/player/pattern`)
    t.same(errors, [])
  })

  await t.test('a file that loops is tried, added and played', async t => {
    const path = await makeClip(t, 'h264')
    const operator = await Operator.open(t, browser, {
      ...app,
      hash: '#/add',
    })
    const { page } = operator
    await page.getByLabel('Id', { exact: true }).fill('clip')
    await page.getByLabel('Kind', { exact: true }).selectOption('file')
    await page.getByLabel('Address').fill(path)
    await page.getByRole('button', { name: 'Try it' }).click()
    await page.getByText('A loop: needs h264.').waitFor()
    await page.getByText(/video h264.*320×180.*15 frames\/s/).waitFor()
    await page.getByLabel('Start the file again').uncheck()
    await page.getByRole('button', { name: 'Try it' }).click()
    await page.getByText('Video: copy will play.').waitFor()
    t.same(await seriousFindings(page), [])
    await page.getByLabel('Start the file again').check()
    await page.getByRole('button', { name: 'Add' }).click()
    await operator.sees('clip')
    await operator.previews()
  })

  await t.test('HEVC is found by a trial, which selects h264', async t => {
    const path = await makeClip(t, 'hevc')
    const operator = await Operator.open(t, browser, { ...app, hash: '#/add' })
    const { page } = operator
    await page.getByLabel('Kind', { exact: true }).selectOption('file')
    await page.getByLabel('Address').fill(path)
    await page.getByLabel('Video', { exact: true }).selectOption('copy')
    await page.getByRole('button', { name: 'Try it' }).click()
    await page.getByText('HEVC: needs h264. No sound: needs none.').waitFor()
    await page.getByRole('button', { name: 'Use h264 and none' }).click()
    const video = page.getByLabel('Video', { exact: true })
    t.equal(await video.inputValue(), 'h264')
    t.equal(await page.getByLabel('Sound').inputValue(), 'none')
  })

  await t.test('a trial of nothing shows what FFmpeg said', async t => {
    const operator = await Operator.open(t, browser, { ...app, hash: '#/add' })
    const { page } = operator
    const path = join(await temporaryFolder(t), '<b>none</b>.mp4')
    await page.getByLabel('Kind', { exact: true }).selectOption('file')
    await page.getByLabel('Address').fill(path)
    await page.getByRole('button', { name: 'Try it' }).click()
    await page.getByText(`${path}: No such file or directory`).waitFor()
  })

  await t.test('each mistake is shown at its field', async t => {
    const operator = await Operator.open(t, browser, { ...app, hash: '#/add' })
    const { page } = operator
    const add = page.getByRole('button', { name: 'Add' })
    await page.getByLabel('Video bitrate').fill('9')
    await page.getByLabel('Delay before').fill('soon')
    await add.click()
    await operator.errorAt('address').getByText('expected an address').waitFor()
    t.match(
      await operator.errorAt('delay').textContent(),
      /^expected a whole number .*"soon"$/,
    )
    t.match(
      await operator.errorAt('bitrate').textContent(),
      /^expected a whole number from 10 to 100000, got 9$/,
    )
    t.equal(
      await page.evaluate('document.activeElement.id'),
      'address',
      'the first of them has the focus',
    )
    t.same(await seriousFindings(page), [])
    await page.getByLabel('Video bitrate').fill('800')
    await page.getByLabel('Delay before').fill('1')
    await page.getByLabel('Address').fill('rtsp://127.0.0.1:1/')
    await add.click()
    await operator.errorAt('id').getByText('expected 1 to 128 of').waitFor()
    t.equal(await operator.errorAt('address').textContent(), '')
    await page.getByLabel('Id', { exact: true }).fill('pattern')
    await add.click()
    await operator.errorAt('id').getByText('this id is taken').waitFor()
  })

  for (const kind of ['refusing', 'silent'] as const) {
    await t.test(`a ${kind} camera is shown as one`, async t => {
      const port = kind === 'silent' ? await silentCamera(t) : 1
      const operator = await Operator.open(t, browser, {
        ...app,
        hash: '#/add',
      })
      const { page } = operator
      await page.getByLabel('Id', { exact: true }).fill(kind)
      await page.getByLabel('Address').fill(`rtsp://u:pass@127.0.0.1:${port}/1`)
      await page.getByLabel('Delay before').fill('1')
      await page.getByRole('button', { name: 'Add' }).click()
      await operator.sees(kind)
      await page.locator('.state[data-state="failed"]').waitFor()
      t.match(await page.locator('.reason').textContent(), /\S/)
      if (kind === 'refusing') {
        const log = page.getByRole('region', { name: 'Last lines of FFmpeg' })
        await log.getByText('Connection refused').waitFor()
        await page.getByRole('listitem').getByText('failed.').first().waitFor()
      }
      t.notMatch(await page.locator('main').first().textContent(), 'pass@')
      await page.goto(`${app.origin}/player/${kind}`)
      await hasState(page, 'starting', 'The camera does not answer.')
      t.notMatch(await page.locator('#state').textContent(), '127.0.0.1')
    })
  }
})
