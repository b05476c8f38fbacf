import t, { type Test } from 'tap'
import { takePorts } from '../../../shared/test/fixtures/ports.ts'
import { requireProgram, run } from '../../../shared/test/fixtures/program.ts'
import { systemClock } from '../../../shared/runtime/clock.ts'
import { memoryLog } from '../../../shared/test/fixtures/memory-log.ts'
import { LIMITS } from '../../limits.ts'
import { ProbeError, type Outcome } from '../../probe/outcome.ts'
import type { Probe } from '../../web/probes.ts'
import { WebServer } from '../../web/web-server.ts'
import { startExporter } from '../fixtures/exporter.ts'
import { connectMedia } from '../fixtures/media.ts'
import { pick } from '../fixtures/samples.ts'

const PLAYED: Outcome = {
  seconds: {
    offer: 0.01,
    ice: 0.002,
    dtls: 0.003,
    first_rtp: 0.04,
    first_key_frame: 0.5,
  },
  packets: { video: 7, audio: 9 },
}

/** Starts a web server whose probes are `probe`. */
async function startWeb(t: Test, probe: Probe): Promise<string> {
  const server = new WebServer({
    version: '1.2.3',
    core: 'test',
    page: () => Promise.reject(new Error('No scrape is expected')),
    probe,
    streamsToProbe: () => Promise.resolve([]),
    observeScrape: () => undefined,
    isReady: () => true,
    basicAuth: undefined,
    tls: undefined,
    limits: LIMITS,
    clock: systemClock,
    log: memoryLog().log,
  })
  t.teardown(() => server.close())
  const { text } = await server.listen({ host: '127.0.0.1', port: 0 })
  return `http://${text}`
}

async function get(url: string, headers: Record<string, string> = {}) {
  const response = await fetch(url, { headers })
  const { status } = response
  const type = response.headers.get('Content-Type') ?? ''
  return { status, type, text: await response.text() }
}

t.test('GET /probe shows a stream that plays', async t => {
  const url = await startWeb(t, () => Promise.resolve(PLAYED))
  const { status, type, text } = await get(`${url}/probe?stream=cam`)
  t.equal(status, 200)
  t.match(type, 'text/plain; version=0.0.4')
  const probe = (...parts: readonly string[]) =>
    pick(text, 'core="test",stream_id="cam"', ...parts)
  t.same(probe('probe_success'), [1])
  for (const [phase, value] of Object.entries(PLAYED.seconds)) {
    t.same(probe('probe_duration_seconds', `phase="${phase}"`), [value])
  }
  t.same(probe('probe_packets', 'kind="video"'), [7])
  t.same(probe('probe_packets', 'kind="audio"'), [9])
  t.same(probe('probe_failure'), [0, 0, 0, 0, 0, 0, 0, 0])
})

t.test('GET /probe shows why a stream does not play', async t => {
  const url = await startWeb(t, () =>
    Promise.resolve({
      failure: 'no_dtls',
      seconds: { offer: 0.01, ice: 0.002 },
      packets: { video: 0, audio: 0 },
    }),
  )
  const { status, text } = await get(`${url}/probe?stream=cam`)
  t.equal(status, 200)
  t.same(pick(text, 'probe_success'), [0])
  t.same(pick(text, 'probe_failure', 'reason="no_dtls"'), [1])
  t.same(pick(text, 'probe_failure').toSorted(), [0, 0, 0, 0, 0, 0, 0, 1])
  t.equal(pick(text, 'duration_seconds').length, 2)
})

t.test('promtool accepts answers with and without phases', async t => {
  if (requireProgram(t, 'promtool') === undefined) return
  let outcome = PLAYED
  const url = await startWeb(t, () => Promise.resolve(outcome))
  const packets = { video: 0, audio: 0 }
  for (const next of [
    PLAYED,
    { failure: 'busy', seconds: {}, packets } as const,
  ]) {
    outcome = next
    const { text: input } = await get(`${url}/probe?stream=cam`)
    t.same(await run('promtool', ['check', 'metrics'], { input }), {
      code: 0,
      output: '',
    })
  }
})

t.test('GET /probe answers in OpenMetrics on request', async t => {
  const url = await startWeb(t, () => Promise.resolve(PLAYED))
  const { type, text } = await get(`${url}/probe?stream=cam`, {
    Accept: 'application/openmetrics-text; version=1.0.0',
  })
  t.match(type, 'application/openmetrics-text; version=1.0.0')
  t.match(text, /\n# EOF\n$/)
})

t.test('GET /probe without a valid stream gets 400', async t => {
  const url = await startWeb(t, () => Promise.reject(new Error('not called')))
  for (const query of [
    '',
    '?stream=',
    '?stream=a%20b',
    '?stream=_overflow',
    '?stream=a&stream=b',
    `?stream=${'a'.repeat(129)}`,
  ]) {
    t.equal((await get(`${url}/probe${query}`)).status, 400, query)
  }
})

t.test('a probe without a result gets 503 and no sample', async t => {
  const url = await startWeb(t, () => Promise.reject(new ProbeError('gone')))
  t.same(await get(`${url}/probe?stream=cam`), {
    status: 503,
    type: 'text/plain; charset=utf-8',
    text: 'No result: gone\n',
  })
})

t.test('a probe ends half a second before the scrape, in 15 s', async t => {
  const timeouts: number[] = []
  const url = await startWeb(t, (_stream, timeoutMs) => {
    timeouts.push(timeoutMs)
    return Promise.resolve(PLAYED)
  })
  for (const seconds of ['15', '15.5', '20', '3', '0.2', '-1', 'x', '']) {
    await get(`${url}/probe?stream=cam`, {
      'X-Prometheus-Scrape-Timeout-Seconds': seconds,
    })
  }
  await get(`${url}/probe?stream=cam`)
  t.same(timeouts, [
    ...[14_500, 15_000, 15_000, 2_500, 500],
    ...[10_000, 10_000, 10_000, 10_000],
  ])
})

t.test('without EXPORTER_PROBE_URL nothing is probed', async t => {
  const exporter = await startExporter(t)
  const media = await connectMedia({ url: exporter.ingestUrl }, { cam: 0 })
  const { status, text } = await get(`${exporter.url}/probe?stream=cam`)
  t.equal(status, 404)
  t.equal(text, 'Probes are off: set EXPORTER_PROBE_URL\n')
  t.equal((await get(`${exporter.url}/sd`)).text, '[]')
  media.cut()
})

t.test('GET /sd lists the running streams', async t => {
  const { min } = await takePorts(1)
  const env = {
    EXPORTER_PROBE_URL: `http://127.0.0.1:${min}`,
    EXPORTER_MAX_STREAMS: '3',
  }
  const exporter = await startExporter(t, { env })
  const { host } = new URL(exporter.url)
  const discovered = async () => {
    const { status, type, text } = await get(`${exporter.url}/sd`)
    t.equal(status, 200)
    t.match(type, /^application\/json\b/)
    return JSON.parse(text) as unknown
  }
  const targetOf = (id: string) => ({
    targets: [host],
    labels: { __metrics_path__: '/probe', __param_stream: id },
  })
  t.same(await discovered(), [], 'before a media process connects')
  const media = await connectMedia({ url: exporter.ingestUrl }, { cam: 1 })
  t.same(await discovered(), [targetOf('cam')])
  await media.snapshot({ cam: 0, door: 0, gate: 0 }, { asleep: ['door'] })
  t.same(await discovered(), [targetOf('cam'), targetOf('gate')])
  await media.snapshot(
    { cam: 0, door: 0, gate: 0 },
    { stopped: ['cam'], asleep: [] },
  )
  t.same(await discovered(), [targetOf('door'), targetOf('gate')])
  await media.snapshot({ cam: 0 }, { draining: true })
  t.same(await discovered(), [targetOf('cam')], 'a drain lets probes in')
  await media.snapshot({ cam: 0, door: 0, gate: 0, late: 0 })
  t.same(await discovered(), ['cam', 'door', 'gate'].map(targetOf))
  media.cut()
  await media.closed()
  exporter.clock.advance(15_000)
  t.same(await discovered(), [], 'while the media process is away')
})

t.test('/probe and /sd require the password', async t => {
  const exporter = await startExporter(t, {
    env: {
      EXPORTER_PROBE_URL: 'http://127.0.0.1:9',
      EXPORTER_BASIC_AUTH_USER: 'prom',
      EXPORTER_BASIC_AUTH_PASSWORD: 'hush',
    },
  })
  const encoded = Buffer.from('prom:hush').toString('base64')
  for (const path of ['/probe?stream=cam', '/sd']) {
    t.equal((await get(exporter.url + path)).status, 401)
    const headers = { Authorization: `Basic ${encoded}` }
    t.equal((await get(exporter.url + path, headers)).status, 200)
  }
})
