/** HTTPS beside HTTP, with the whole media process. */
import { once } from 'node:events'
import { copyFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { connect } from 'node:tls'
import t, { type Test } from 'tap'
import { Agent, fetch } from 'undici'
import { waitFor } from '../../../shared/test/fixtures/wait-for.ts'
import { wholeApp, type WholeApp } from '../fixtures/whole-app.ts'
import { startChromium } from '../whep/fixtures/chromium.ts'
import { CHROMIUM } from '../whep/fixtures/offers.ts'

const FIXTURES = join(import.meta.dirname, '../../../shared/test/fixtures')

t.setTimeout(120_000)

/** A folder with a certificate and its key, and the settings that name it. */
function tlsFiles(t: Test) {
  const folder = t.testdir()
  const files = {
    cert: join(folder, 'cert.pem'),
    key: join(folder, 'key.pem'),
  }
  const put = (name: 'first' | 'second', part: keyof typeof files) => {
    copyFileSync(join(FIXTURES, `tls-${name}.${part}.pem`), files[part])
  }
  put('first', 'cert')
  put('first', 'key')
  const settings = {
    CORE_TLS_ADDRESS: '127.0.0.1:0',
    CORE_TLS_CERT_FILE: files.cert,
    CORE_TLS_KEY_FILE: files.key,
  }
  return { put, settings }
}

/** The port of HTTPS, from the log. */
function tlsPort({ logged }: WholeApp): number {
  const records = logged.map(
    line => JSON.parse(line) as Readonly<Record<string, unknown>>,
  )
  return Number(records.find(({ part }) => part === 'web-tls')?.['port'])
}

/** The common name in the certificate of a new connection. */
async function shownName(port: number): Promise<string | string[] | undefined> {
  const socket = connect({ port, rejectUnauthorized: false })
  await once(socket, 'secureConnect')
  const { CN } = socket.getPeerCertificate().subject
  socket.destroy()
  return CN
}

t.test('HTTPS serves WHEP and the admin API like HTTP', async t => {
  const app = await wholeApp(t, tlsFiles(t).settings)
  await app.addDemo()
  const origin = `https://127.0.0.1:${tlsPort(app)}`
  const dispatcher = new Agent({ connect: { rejectUnauthorized: false } })
  t.teardown(() => dispatcher.close())
  const call = (method: string, path: string, body?: string) =>
    fetch(`${origin}${path}`, {
      method,
      dispatcher,
      ...(body !== undefined && {
        headers: { 'Content-Type': 'application/sdp' },
        body,
      }),
    })

  const opened = await call('POST', '/api/v3/whep/demo', CHROMIUM)
  t.equal(opened.status, 201)
  t.match(opened.headers.get('ETag'), /^"/)
  const location = opened.headers.get('Location') ?? ''
  t.match(location, /^\/api\/v3\/whep\/demo\//)
  t.equal((await call('HEAD', location)).status, 200)
  t.equal((await app.call('GET', location)).status, 200, 'also by HTTP')
  t.equal((await call('DELETE', location)).status, 204)
  t.same(
    await (await call('GET', '/api')).json(),
    await app.get('/api'),
    'the admin API',
  )
  const unknown = await call('POST', '/api/v3/whep/nobody', CHROMIUM)
  t.equal(unknown.status, 404)
})

t.test('a renewed certificate is used, a broken one is not', async t => {
  const { put, settings } = tlsFiles(t)
  const app = await wholeApp(t, settings)
  const port = tlsPort(app)
  const logged = (message: string) =>
    app.logged.filter(line => line.includes(message)).length
  t.equal(await shownName(port), 'first.example')
  put('second', 'cert')
  t.equal(await shownName(port), 'first.example', 'its key is missing')
  t.equal(await shownName(port), 'first.example')
  t.equal(logged('cannot reload certificate'), 1)
  put('second', 'key')
  t.equal(await shownName(port), 'second.example')
  t.equal(logged('certificate reloaded'), 1)
})

t.test('Chromium plays on an https page, also while it renews', async t => {
  const browser = await startChromium(t)
  if (browser === undefined) return
  const { put, settings } = tlsFiles(t)
  const app = await wholeApp(t, settings)
  await app.addDemo()
  const port = tlsPort(app)
  const page = await browser.newPage({ ignoreHTTPSErrors: true })
  await page.goto(`https://127.0.0.1:${port}/player/demo`)
  const state = page.locator('#state')
  await state.filter({ hasText: 'Playing.' }).waitFor({ timeout: 60_000 })
  put('second', 'cert')
  put('second', 'key')
  t.equal(await shownName(port), 'second.example')
  const played = () =>
    page.evaluate<number>("document.querySelector('video').currentTime")
  const before = await played()
  await waitFor(async () => (await played()) > before + 2, 'two more seconds')
  t.match(await state.textContent(), 'Playing.')
  await page.close()
})

t.test('an address in use names CORE_TLS_ADDRESS', async t => {
  const other = createServer()
  other.listen(0, '127.0.0.1')
  await once(other, 'listening')
  t.teardown(() => other.close())
  const bound = other.address()
  const port = typeof bound === 'object' ? bound?.port : undefined
  await t.rejects(
    wholeApp(t, {
      ...tlsFiles(t).settings,
      CORE_TLS_ADDRESS: `127.0.0.1:${port}`,
    }),
    { message: /CORE_TLS_ADDRESS/ },
  )
})
