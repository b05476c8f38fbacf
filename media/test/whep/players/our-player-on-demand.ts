/** The player page on a stream that starts on demand. */
import t from 'tap'
import { temporaryFolder } from '../../../../shared/test/fixtures/temporary-folder.ts'
import { fakeProgram } from '../../../../shared/test/fixtures/fake-program.ts'
import { wholeApp } from '../../fixtures/whole-app.ts'
import {
  decodes,
  hasSaid,
  keepWords,
  openPage,
  hasState,
  startChromium,
  wordsOf,
} from '../fixtures/chromium.ts'

t.setTimeout(120_000)

await t.test('the page says that the camera is starting', async t => {
  const browser = await startChromium(t)
  if (browser === undefined) return
  const folder = await temporaryFolder(t)
  const app = await wholeApp(t, {
    CORE_FFMPEG_BINARY: await fakeProgram(
      folder,
      'fake-ffmpeg',
      'sleep 2; exec ffmpeg "$@"',
    ),
    CORE_WEBRTC_ON_DEMAND_TIMEOUT_MS: '60000',
  })
  await app.call('POST', '/api/v3/process', {
    id: 'cam',
    input: [
      {
        address: 'testsrc2=size=320x180:rate=15',
        options: ['-re', '-f', 'lavfi'],
      },
    ],
    webrtc: { enabled: true, on_demand: true, idle_seconds: 0, audio: 'none' },
  })
  const { page, errors } = await openPage(t, browser)
  const { page: list, errors: listErrors } = await openPage(t, browser)
  await list.goto(app.origin)
  t.equal(await list.locator('#streams li').textContent(), 'cam asleep')
  await keepWords(page)
  await page.goto(`${app.origin}/player/cam`)
  await hasSaid(page, 'Starting the camera…')
  await hasState(page, 'playing')
  await decodes(page, 5)
  t.notMatch((await wordsOf(page)).join('\n'), /Trying again/)
  await page.close()
  await list
    .locator('#streams li', { hasText: 'cam asleep' })
    .waitFor({ timeout: 60_000 })
  t.same([...errors, ...listErrors], [])
})
