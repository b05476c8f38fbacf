import { once } from 'node:events'
import { request, type IncomingMessage } from 'node:http'
import { connect } from 'node:net'
import { gunzipSync } from 'node:zlib'
import t from 'tap'
import type { Test } from 'tap'
import { systemClock } from '../../../shared/runtime/clock.ts'
import type { Credentials } from '../../config.ts'
import { LIMITS } from '../../limits.ts'
import { waitFor } from '../../../shared/test/fixtures/wait-for.ts'
import { memoryLog } from '../../../shared/test/fixtures/memory-log.ts'
import { OPEN_METRICS, type Format } from '../../web/formats.ts'
import { WebServer } from '../../web/web-server.ts'

interface SubjectOptions {
  readonly page?: (format: Format) => Promise<Buffer>
  /** Called for each page whose memory is released. */
  readonly onReleased?: () => void
  readonly basicAuth?: Credentials
  readonly isReady?: () => boolean
  readonly maxScrapes?: number
}

async function createSubject(t: Test, options: SubjectOptions = {}) {
  const memory = memoryLog()
  const durations: number[] = []
  const page =
    options.page ??
    (format => Promise.resolve(Buffer.from(format.contentType.repeat(100))))
  const release = options.onReleased ?? (() => undefined)
  const server = new WebServer({
    version: '1.2.3',
    core: '<core>',
    page: async format => ({ bytes: await page(format), release }),
    probe: undefined,
    streamsToProbe: () => Promise.resolve([]),
    observeScrape: seconds => durations.push(seconds),
    isReady: options.isReady ?? (() => true),
    basicAuth: options.basicAuth,
    tls: undefined,
    limits: { ...LIMITS, maxScrapes: options.maxScrapes ?? LIMITS.maxScrapes },
    clock: systemClock,
    log: memory.log,
  })
  t.teardown(() => server.close())
  const bound = await server.listen({ host: '127.0.0.1', port: 0 })
  return { ...memory, server, durations, bound, url: `http://${bound.text}` }
}

interface Answer {
  readonly status: number
  readonly headers: IncomingMessage['headers']
  readonly body: Buffer
}

/** Sends a request with exactly these headers. */
async function send(
  url: string,
  headers: Record<string, string> = {},
  method = 'GET',
): Promise<Answer> {
  const sent = request(url, { method, headers, agent: false }).end()
  const [response] = (await once(sent, 'response')) as [IncomingMessage]
  const chunks: Buffer[] = []
  for await (const chunk of response) chunks.push(chunk as Buffer)
  const { statusCode: status = 0, headers: got } = response
  return { status, headers: got, body: Buffer.concat(chunks) }
}

t.test('the landing page links to the other pages', async t => {
  const { url } = await createSubject(t)
  const { status, headers, body } = await send(`${url}/`)
  t.equal(status, 200)
  t.equal(headers['content-type'], 'text/html; charset=utf-8')
  const text = body.toString()
  for (const path of ['metrics', '-/healthy', '-/ready']) {
    t.match(text, `href="${path}"`)
    t.equal((await send(`${url}/${path}`)).status, 200)
  }
  t.match(text, 'Version 1.2.3')
  t.notMatch(text, '<core>')
})

t.test('pages answer GET and HEAD only', async t => {
  const { url } = await createSubject(t)
  for (const method of ['POST', 'PUT', 'DELETE', 'OPTIONS', 'PATCH']) {
    for (const path of ['/', '/metrics', '/-/healthy', '/-/ready']) {
      const { status, headers } = await send(url + path, {}, method)
      t.equal(status, 405, `${method} ${path}`)
      t.equal(headers.allow, 'GET, HEAD')
    }
  }
  for (const path of ['/', '/metrics', '/-/healthy', '/-/ready']) {
    const { body: whole } = await send(url + path)
    const { status, body, headers } = await send(url + path, {}, 'HEAD')
    t.equal(status, 200)
    t.equal(body.length, 0)
    t.equal(headers['content-length'], `${whole.length}`)
  }
  t.equal((await send(`${url}/metrics/more`)).status, 404)
})

t.test('concurrent scrapes each get the format they accept', async t => {
  const { url } = await createSubject(t)
  const accepts = ['application/openmetrics-text', 'text/plain', '*/*']
  const answers = await Promise.all(
    Array.from({ length: 30 }, (_, i) =>
      send(`${url}/metrics`, { accept: accepts[i % 3] ?? '' }),
    ),
  )
  for (const [i, { headers, body }] of answers.entries()) {
    const type = headers['content-type'] ?? ''
    t.ok(type.startsWith(i % 3 === 0 ? 'application/openm' : 'text/plain;'))
    t.ok(body.toString().startsWith(type))
    t.equal(headers.vary, 'Accept, Accept-Encoding')
  }
  t.equal(answers[0]?.headers['content-type'], OPEN_METRICS.contentType)
})

t.test('a scrape is compressed if it accepts gzip', async t => {
  const { url } = await createSubject(t)
  const plain = await send(`${url}/metrics`)
  t.equal(plain.headers['content-encoding'], undefined)
  const zipped = await send(`${url}/metrics`, { 'accept-encoding': 'gzip' })
  t.equal(zipped.headers['content-encoding'], 'gzip')
  t.ok(zipped.body.length < plain.body.length)
  t.same(gunzipSync(zipped.body), plain.body)
})

t.test('basic auth guards the metrics and the landing page', async t => {
  const basicAuth = { user: 'prom', password: 'pass:wörd' }
  const { url, records } = await createSubject(t, { basicAuth })
  const header = (text: string) => ({
    authorization: `Basic ${Buffer.from(text).toString('base64')}`,
  })
  for (const path of ['/', '/metrics']) {
    const { status, headers } = await send(url + path)
    t.equal(status, 401)
    t.match(headers['www-authenticate'], /^Basic realm="/)
    for (const wrong of ['prom:', 'prom:pass', 'x:pass:wörd', ':', '']) {
      t.equal((await send(url + path, header(wrong))).status, 401, wrong)
    }
    t.equal((await send(url + path, header('prom:pass:wörd'))).status, 200)
    t.equal((await send(url + path, { authorization: 'Bearer x' })).status, 401)
  }
  for (const path of ['/-/healthy', '/-/ready']) {
    t.equal((await send(url + path)).status, 200, 'health checks are public')
  }
  t.same(records, [])
})

t.test('/-/ready answers 503 until ready, /-/healthy always 200', async t => {
  let ready = false
  const { url } = await createSubject(t, { isReady: () => ready })
  t.equal((await send(`${url}/-/ready`)).status, 503)
  t.equal((await send(`${url}/-/healthy`)).status, 200)
  ready = true
  t.equal((await send(`${url}/-/ready`)).status, 200)
})

/** A page that is finished by `release`. */
function slowPage() {
  const waiting: (() => void)[] = []
  const page = () =>
    new Promise<Buffer>(resolve => {
      waiting.push(() => {
        resolve(Buffer.from('done'))
      })
    })
  const started = async (count: number) => {
    while (waiting.length < count) await new Promise(setImmediate)
  }
  const release = () => {
    for (const done of waiting.splice(0)) done()
  }
  return { page, started, release }
}

t.test('a scrape over the limit gets 503, active ones continue', async t => {
  const { page, started, release } = slowPage()
  const { url } = await createSubject(t, { page, maxScrapes: 2 })
  const first = [send(`${url}/metrics`), send(`${url}/metrics`)]
  await started(2)
  const { status, headers, body } = await send(`${url}/metrics`)
  t.equal(status, 503)
  t.equal(headers['retry-after'], '1')
  t.match(body.toString(), 'limit is 2')
  release()
  for (const answer of await Promise.all(first)) t.equal(answer.status, 200)
  const next = send(`${url}/metrics`)
  await started(1)
  release()
  t.equal((await next).status, 200, 'a further scrape is accepted')
})

t.test('a scrape whose client disconnects makes room for another', async t => {
  const { page, started, release } = slowPage()
  const { url, bound } = await createSubject(t, { page, maxScrapes: 1 })
  const socket = connect(bound.port, bound.host)
  socket.write('GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n')
  await started(1)
  socket.destroy()
  const scrape = async () => {
    const answer = send(`${url}/metrics`)
    const progress = setInterval(release, 1)
    const { status } = await answer
    clearInterval(progress)
    return status
  }
  let status = await scrape()
  while (status === 503) status = await scrape()
  t.equal(status, 200)
})

t.test('a scrape slower than its timeout gets 503', async t => {
  const { page } = slowPage()
  const { url, durations } = await createSubject(t, { page })
  const timeout = { 'x-prometheus-scrape-timeout-seconds': '0.05' }
  const { status, headers } = await send(`${url}/metrics`, timeout)
  t.equal(status, 503)
  t.equal(headers['content-encoding'], undefined)
  t.same(durations, [])
})

t.test('a client that does not read its answer is disconnected', async t => {
  const page = () => Promise.resolve(Buffer.alloc(64 * 1024 * 1024))
  const { bound, url } = await createSubject(t, { page, maxScrapes: 1 })
  const socket = connect(bound.port, bound.host)
  t.teardown(() => socket.destroy())
  socket.write(
    'GET /metrics HTTP/1.1\r\nHost: x\r\n' +
      'X-Prometheus-Scrape-Timeout-Seconds: 0.1\r\n\r\n',
  )
  await once(socket, 'readable')
  let status = 503
  while (status === 503) ({ status } = await send(`${url}/metrics`, {}, 'HEAD'))
  t.equal(status, 200, 'a further scrape is accepted although it never read')
})

t.test('the memory of a page is released once it is sent', async t => {
  let released = 0
  const bytes = Buffer.alloc(64 * 1024 * 1024, 'x')
  const { bound, url } = await createSubject(t, {
    page: () => Promise.resolve(bytes),
    onReleased: () => released++,
  })
  const socket = connect(bound.port, bound.host)
  socket.write('GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n')
  await once(socket, 'readable')
  // The server has sent what fits into the buffers of the kernel.
  for (const headers of [{}, { 'accept-encoding': 'gzip' }]) {
    const before = released
    const { body } = await send(`${url}/metrics`, headers)
    t.ok(body.length > 0)
    await waitFor(() => released > before, 'the page of a whole response')
  }
  t.equal(released, 2, 'the first client has not read its page yet')
  let length = 0
  for await (const chunk of socket) {
    length += (chunk as Buffer).length
    if (length > bytes.length) break
  }
  await waitFor(() => released === 3, 'the page of the first client')

  const leaving = connect(bound.port, bound.host)
  leaving.write('GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n')
  await once(leaving, 'readable')
  leaving.destroy()
  await waitFor(() => released === 4, 'the page of a client that left')
})

t.test('a page that fails gets 500 without details', async t => {
  const page = () => Promise.reject(new Error('secret'))
  const { url, of } = await createSubject(t, { page })
  const { status, body } = await send(`${url}/metrics`)
  t.equal(status, 500)
  t.equal(body.toString(), 'Internal error\n')
  t.match(of('request failed'), [{ path: '/metrics' }])
})

t.test('the duration of every scrape is observed', async t => {
  const { url, durations } = await createSubject(t)
  await send(`${url}/metrics`)
  await send(`${url}/metrics`, { 'accept-encoding': 'gzip' })
  t.equal(durations.length, 2)
  for (const seconds of durations) t.ok(seconds > 0 && seconds < 10)
})
