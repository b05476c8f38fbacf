import t from 'tap'

import {
  iceDuration,
  legFailure,
  startOutbox,
  viewOf,
} from '../../media/test/outbox/fixtures/outbox.ts'
import { requireProgram } from '../../shared/test/fixtures/program.ts'
import {
  startPrometheus,
  type Prometheus,
  type ScrapeJob,
} from '../../shared/test/fixtures/prometheus.ts'
import { listening, startExporter } from './fixtures/stack.ts'
import { waitFor } from '../../shared/test/fixtures/wait-for.ts'

const LEGS = 'dragonfork_webrtc_ffmpeg_leg_failures_total'
const ICE = 'dragonfork_webrtc_ice_establishment_duration_seconds'
const PEERS = 'dragonfork_webrtc_active_peers'

/** Two deployments that differ only in CORE_ID and in what they report. */
const CORES = [
  { core: 'core-a', legFailures: 3, answers: 7 },
  { core: 'core-b', legFailures: 5, answers: 2 },
] as const

/** Starts an exporter, reports to it, and returns its address. */
async function startCore(
  t: Parameters<typeof startExporter>[0],
  { core, legFailures, answers }: (typeof CORES)[number],
): Promise<string> {
  const exporter = startExporter(t, { CORE_ID: core })
  const port = await listening(exporter, 'web')
  const ingest = await listening(exporter, 'ingest')
  const url = new URL(`ws://127.0.0.1:${ingest}/ingest`)
  const { outbox } = startOutbox(t, url, {
    core,
    view: () => ({
      ...viewOf(),
      streams: viewOf('cam').streams.map(stream => ({
        ...stream,
        peers: answers,
      })),
    }),
  })
  for (let i = 0; i < legFailures; i += 1) outbox.report(legFailure('cam'))
  for (let i = 0; i < answers; i += 1) outbox.report(iceDuration('cam', 0.3))
  return `127.0.0.1:${port}`
}

function scrapeOf(...targets: readonly string[]): ScrapeJob {
  return { job_name: 'dragonfork', static_configs: [{ targets }] }
}

function federationOf(...targets: readonly string[]): ScrapeJob {
  return {
    ...scrapeOf(...targets),
    metrics_path: '/federate',
    honor_labels: true,
    params: { 'match[]': ['{__name__=~"dragonfork_.*"}'] },
  }
}

/** The value of `expression` by core, once both cores have one. */
function byCore(
  prometheus: Prometheus,
  expression: string,
): Promise<Readonly<Record<string, number>>> {
  return waitFor(async () => {
    const answers = await prometheus.query(`sum by (core) (${expression})`)
    const values: Record<string, number> = {}
    for (const { labels, value } of answers)
      values[labels['core'] ?? ''] = value
    return answers.length === CORES.length && values
  }, `${expression} of both cores`)
}

async function showsBothCores(
  t: Parameters<typeof startExporter>[0],
  prometheus: Prometheus,
) {
  await waitFor(async () => {
    const legs = await byCore(prometheus, `${LEGS}{leg="video"}`)
    // Prometheus promises no order.
    return CORES.every(({ core, legFailures }) => legs[core] === legFailures)
  }, 'the counts of both cores')
  t.strictSame(await byCore(prometheus, `${ICE}_count`), {
    'core-a': 7,
    'core-b': 2,
  })
  t.strictSame(await byCore(prometheus, PEERS), { 'core-a': 7, 'core-b': 2 })
  // If only `instance` distinguished two series, there would be fewer without
  // it. One query counts both: a scrape that fails between two would change it.
  const all = '{__name__=~"dragonfork_webrtc_.*"}'
  const names =
    'count by (__name__, core, stream_id, le, route, code, result, reason, kind, scope, leg)'
  const series = `count by (core) (${all})`
  for (const [core, count] of Object.entries(await byCore(prometheus, series)))
    t.ok(count > 50, `${count} series of ${core}`)
  const hidden = `${series} - count by (core) (${names} (${all}))`
  t.strictSame(
    await byCore(prometheus, hidden),
    { 'core-a': 0, 'core-b': 0 },
    'distinct without job and instance',
  )
}

t.test('the series of two cores never collide', async t => {
  if (requireProgram(t, 'prometheus') === undefined) return
  const [a, b] = await Promise.all([
    startCore(t, CORES[0]),
    startCore(t, CORES[1]),
  ])

  t.test('in one Prometheus that scrapes both', async t => {
    const prometheus = await startPrometheus(t, [scrapeOf(a, b)])
    await showsBothCores(t, prometheus)
  })

  t.test('in a third Prometheus that federates one of each core', async t => {
    const own = await Promise.all([
      startPrometheus(t, [scrapeOf(a)]),
      startPrometheus(t, [scrapeOf(b)]),
    ])
    const third = await startPrometheus(t, [
      federationOf(...own.map(({ address }) => address)),
    ])
    await showsBothCores(t, third)
  })
})
