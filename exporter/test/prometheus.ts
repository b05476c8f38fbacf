import { once } from 'node:events'
import { createServer } from 'node:http'
import t, { type Test } from 'tap'
import { FAMILY_NAMES } from '../../shared/protocol/catalogue.ts'
import { requireProgram, run } from '../../shared/test/fixtures/program.ts'
import { startPrometheus } from '../../shared/test/fixtures/prometheus.ts'
import { waitFor } from '../../shared/test/fixtures/wait-for.ts'
import { durations, failures, requests } from './fixtures/cells.ts'
import { systemClock } from '../../shared/runtime/clock.ts'
import { startExporter } from './fixtures/exporter.ts'
import { connectMedia } from './fixtures/media.ts'
import { pick } from './fixtures/samples.ts'

/** Starts an exporter with some series of every kind. */
async function startWithSeries(t: Test) {
  const exporter = await startExporter(t, { clock: systemClock })
  const media = await connectMedia({ url: exporter.ingestUrl }, { cam: 2 })
  await media.batch([
    requests(1, 'cam', 3),
    durations(2, 'cam', 3),
    failures(3, 'cam', 1),
  ])
  t.teardown(() => {
    media.cut()
  })
  return { ...exporter, target: exporter.url.replace('http://', '') }
}

// Prometheus starts slowly on a busy machine.
t.setTimeout(120_000)

const jobOf = (name: string, target: string) => ({
  job_name: name,
  static_configs: [{ targets: [target] }],
})

t.test('promtool accepts a scrape without warnings', async t => {
  if (requireProgram(t, 'promtool') === undefined) return
  const { scrape } = await startWithSeries(t)
  await scrape()
  const input = await scrape()
  t.same(await run('promtool', ['check', 'metrics'], { input }), {
    code: 0,
    output: '',
  })
})

t.test('Prometheus reads both formats as the same series', async t => {
  if (requireProgram(t, 'prometheus') === undefined) return
  const { url, target, scrape } = await startWithSeries(t)
  const accepts: string[] = []
  // Prometheus requests OpenMetrics; through this proxy it gets text.
  const textOnly = createServer((request, response) => {
    accepts.push(request.headers.accept ?? '')
    void (async () => {
      const page = await fetch(`${url}/metrics`)
      response.setHeader('Content-Type', page.headers.get('content-type') ?? '')
      response.end(await page.text())
    })()
  }).listen(0, '127.0.0.1')
  t.teardown(() => textOnly.close())
  await once(textOnly, 'listening')
  const bound = textOnly.address()
  if (bound === null || typeof bound === 'string') throw new TypeError('bound')
  const prometheus = await startPrometheus(t, [
    jobOf('openmetrics', target),
    jobOf('text', `127.0.0.1:${bound.port}`),
  ])
  await waitFor(async () => {
    const [up] = await prometheus.query('sum(up)')
    return up?.value === 2
  }, 'a scrape of both')
  t.match(accepts[0], /^application\/openmetrics-text/)
  for (const job of ['openmetrics', 'text']) {
    // After a scrape that came too late there is no value until the next one.
    const get = (expression: string) =>
      waitFor(async () => {
        const query = expression.replace('$', `job="${job}"`)
        const answers = await prometheus.query(query)
        return answers.length > 0 && answers
      }, expression)
    const count = await get('count({$,__name__=~"dragonfork_webrtc_.+"})')
    const ours = pick(await scrape(), 'dragonfork_webrtc_').length
    t.same(count, [{ labels: {}, value: ours }], `${job}: every sample`)
    const posts = await get(
      'sum(dragonfork_webrtc_whep_requests_total{$,code="201"})',
    )
    t.same(posts, [{ labels: {}, value: 3 }])
    const peers = await get('dragonfork_webrtc_active_peers{$}')
    t.match(peers, [{ labels: { core: 'test', stream_id: 'cam' }, value: 2 }])
  }
  const metadata: unknown = await (
    await fetch(`http://${prometheus.address}/api/v1/metadata`)
  ).json()
  const known = JSON.stringify(metadata)
  for (const name of FAMILY_NAMES) t.match(known, name.replace(/_total$/, ''))
})
