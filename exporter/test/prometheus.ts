import { once } from 'node:events'
import { createServer } from 'node:http'
import t from 'tap'
import type { Test } from 'tap'
import { FAMILY_NAMES } from '../../shared/catalogue.ts'
import { durations, failures, requests } from './fixtures/cells.ts'
import { startExporter } from './fixtures/exporter.ts'
import { REAL_CLOCK } from './fixtures/fake-clock.ts'
import { connectMedia } from './fixtures/media.ts'
import {
  checkMetrics,
  hasProgram,
  startPrometheus,
} from './fixtures/prometheus.ts'
import { pick } from './fixtures/samples.ts'

/** An exporter with one viewer's worth of everything, and who feeds it. */
async function startFed(t: Test, core: string, posts: number) {
  const env = { CORE_ID: core }
  const exporter = await startExporter(t, { env, clock: REAL_CLOCK })
  const media = await connectMedia(
    { url: exporter.ingestUrl, core },
    { cam: 2 },
  )
  await media.batch([
    requests(1, 'cam', posts),
    durations(2, 'cam', posts),
    failures(3, 'cam', 1),
  ])
  t.teardown(() => {
    media.cut()
  })
  return { ...exporter, target: exporter.url.replace('http://', '') }
}

// Prometheus takes its time to start on a busy machine.
t.setTimeout(120_000)

const alone = (job: string, targets: readonly string[], more = {}) => ({
  job_name: job,
  static_configs: [{ targets }],
  ...more,
})

t.test('promtool finds nothing wrong with a scrape', async t => {
  if (!hasProgram(t, 'promtool')) return
  const { scrape } = await startFed(t, 'test', 3)
  await scrape()
  t.equal(checkMetrics(await scrape()), '')
})

t.test('Prometheus reads both formats as the same series', async t => {
  if (!hasProgram(t, 'prometheus')) return
  const { url, target, scrape } = await startFed(t, 'test', 3)
  const accepts: string[] = []
  // Prometheus asks for OpenMetrics; through here it gets text.
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
    alone('openmetrics', [target]),
    alone('text', [`127.0.0.1:${bound.port}`]),
  ])
  await prometheus.until('sum(up)', ([up]) => up?.value === 2)
  t.match(accepts[0], /^application\/openmetrics-text/)
  for (const job of ['openmetrics', 'text']) {
    const get = (expression: string) =>
      prometheus.query(expression.replace('$', `job="${job}"`))
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

t.test('two deployments never collide, nor where they federate', async t => {
  if (!hasProgram(t, 'prometheus')) return
  const east = await startFed(t, 'east', 3)
  const west = await startFed(t, 'west', 4)
  // Nothing but `core` is left to tell the two apart.
  const drop = { action: 'labeldrop', regex: 'instance|job' }
  const both = await startPrometheus(t, [
    alone('dragonfork', [east.target, west.target], {
      metric_relabel_configs: [drop],
    }),
  ])
  const far = await startPrometheus(t, [
    alone('federate', [both.address], {
      metrics_path: '/federate',
      honor_labels: true,
      params: { 'match[]': ['{core!=""}'] },
      metric_relabel_configs: [drop],
    }),
  ])
  const posts = 'sum by (core) (dragonfork_webrtc_whep_requests_total)'
  const series = 'count by (core) ({__name__=~"dragonfork_webrtc_.+"})'
  const ours = pick(await east.scrape(), 'dragonfork_webrtc_').length
  for (const prometheus of [both, far]) {
    const found = await prometheus.until(posts, ({ length }) => length === 2)
    t.same(
      [...found].sort((a, b) => a.value - b.value),
      [
        { labels: { core: 'east' }, value: 3 },
        { labels: { core: 'west' }, value: 4 },
      ],
    )
    for (const { value } of await prometheus.query(series)) {
      t.equal(value, ours, 'every series of both is there')
    }
    const names = await prometheus.query('count by (core) (process_max_fds)')
    t.equal(names.length, 2, 'the processes themselves as well')
  }
  const collided = 'prometheus_target_scrapes_sample_duplicate_timestamp_total'
  const metrics = await fetch(`http://${both.address}/metrics`)
  t.match(await metrics.text(), `${collided} 0`)
})
