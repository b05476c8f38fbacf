/**
 * Takes the pictures of the list of streams, the player and the operator's page
 * for the documentation, in Chromium, from both real processes.
 */
import { mkdtemp, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Page } from 'playwright-core'

import { launchChromium } from '../../media/test/whep/fixtures/chromium.ts'
import { startChild } from '../../shared/test/fixtures/child.ts'
import { takePorts } from '../../shared/test/fixtures/ports.ts'
import { listening } from '../test/fixtures/stack.ts'

/** README loads them, so they must stay small. */
const MAX_BYTES = 150_000
const SIZE = { width: 1000, height: 700 }
const WAIT_MS = 60_000

const picture = (text: string) =>
  `testsrc2=size=640x360:rate=15,drawtext=text='${text}':fontsize=h/10:` +
  'fontcolor=white:box=1:boxcolor=black@0.6:boxborderw=8:' +
  'x=(w-tw)/2:y=h*3/4[out0];sine=frequency=440:sample_rate=48000[out1]'

const generated = (id: string) => ({
  id,
  input: [{ address: picture(id), options: ['-re', '-f', 'lavfi'] }],
  output: [],
  reconnect: true,
  webrtc: { enabled: true, video: { codec: 'h264', bitrate_kbit: 800 } },
})

/** Streams in several states. */
const PROCESSES = [
  generated('front-door'),
  generated('garden'),
  {
    id: 'garage',
    // Nobody listens there: a camera that is switched off.
    input: [{ address: 'rtsp://127.0.0.1:9/1', options: [] }],
    output: [],
    reconnect: true,
    reconnect_delay_seconds: 3,
    webrtc: { enabled: true },
  },
  { ...generated('workshop'), autostart: false },
]

const dir = await mkdtemp(join(tmpdir(), 'dragonfork-pictures-'))
const exporter = startChild('exporter/main.ts', {
  EXPORTER_ADDRESS: '127.0.0.1:0',
  EXPORTER_INGEST_ADDRESS: '127.0.0.1:0',
})
const ingest = await listening(exporter, 'ingest')
const processFile = join(dir, 'processes.json')
await writeFile(processFile, JSON.stringify(PROCESSES))
const ports = await takePorts(100)
const media = startChild('media/main.ts', {
  CORE_ADDRESS: '127.0.0.1:0',
  CORE_DB_DIR: join(dir, 'data'),
  CORE_PROCESS_FILE: processFile,
  CORE_EXPORTER_URL: `ws://127.0.0.1:${ingest}/ingest`,
  CORE_WEBRTC_LISTEN_ADDRESSES: '127.0.0.1',
  CORE_WEBRTC_ANNOUNCED_ADDRESSES: '127.0.0.1',
  CORE_WEBRTC_UDP_MIN_PORT: String(ports.min),
  CORE_WEBRTC_UDP_MAX_PORT: String(ports.max),
  CORE_WEBRTC_WORKERS: '1',
})
try {
  const origin = `http://127.0.0.1:${await listening(media, 'web')}`
  await takeAll(origin)
} finally {
  await media.end()
  await exporter.end()
  await rm(dir, { recursive: true, force: true })
}

async function takeAll(origin: string): Promise<void> {
  const browser = await launchChromium()
  if (browser === undefined) throw new Error('Chromium is not installed')
  try {
    const page = await browser.newPage({ viewport: SIZE })
    page.setDefaultTimeout(WAIT_MS)
    await page.goto(`${origin}/admin/`)
    await page.locator('td[data-state="failed"]').waitFor()
    await page.locator('td[data-state="live"]').nth(1).waitFor()
    await page.getByText('exporter connected').waitFor()
    await page
      .getByText(/packets\/s/)
      .first()
      .waitFor()
    await page.getByText(/% CPU/).first().waitFor()
    await take(page, 'admin-list')
    await page.goto(`${origin}/admin/#/stream/front-door`)
    await page.locator('.preview[data-state="playing"]').waitFor()
    await page.getByRole('cell', { name: '127.0.0.1' }).waitFor()
    await take(page, 'admin-stream')
    await page.goto(`${origin}/admin/#/add`)
    await page.getByLabel('Id', { exact: true }).fill('driveway')
    await page
      .getByLabel('Address')
      .fill('rtsp://viewer:secret@camera.lan/stream1')
    await take(page, 'admin-form')
    await page.goto(`${origin}/`)
    await page.getByRole('link', { name: 'front-door' }).waitFor()
    await take(page, 'streams')
    await page.goto(`${origin}/player/front-door`)
    await page.locator('#state[data-state="playing"]').waitFor()
    await take(page, 'player')
  } finally {
    await browser.close()
  }
}

/** Takes a picture of what is visible. */
async function take(page: Page, name: string): Promise<void> {
  const path = fileURLToPath(new URL(`${name}.jpg`, import.meta.url))
  await page.screenshot({ path, type: 'jpeg', quality: 80 })
  const { size } = await stat(path)
  if (size > MAX_BYTES) {
    throw new Error(`${name}.jpg: expected ${MAX_BYTES} bytes, got ${size}`)
  }
  process.stdout.write(`deploy/pictures/${name}.jpg: ${size} bytes\n`)
}
