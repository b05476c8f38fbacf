import { verdictText } from '../dashboard/verdict.ts'
import { exprOf, type Dashboard, type Range, type Series } from './dashboard.ts'

/** The product during a run, as Prometheus and the dashboard have it. */
export interface Evidence {
  /** Texts of the first line and the share of the time of each, 0 to 1. */
  readonly firstLine: readonly {
    readonly text: string
    readonly share: number
  }[]
  /** Viewers per stream at the end. */
  readonly peers: ReadonlyMap<string, number>
  /** Seconds from the answer until connected; undefined: no viewer connected. */
  readonly p50: number | undefined
  readonly p95: number | undefined
  /** Such as `demo video: 2`. */
  readonly legFailures: readonly string[]
  /** Status codes of WHEP errors. */
  readonly errors: readonly string[]
  /** Names of the alerts that fired. */
  readonly alerts: readonly string[]
  readonly exporter: {
    /** Share of one CPU core. */
    readonly cpu: number | undefined
    readonly memoryBytes: number | undefined
  }
}

/** Reads what the dashboard shows for the time range `range`. */
export async function readEvidence(
  dashboard: Dashboard,
  range: Range,
): Promise<Evidence> {
  const last = async (expr: string, labels = {}) => {
    const found = await dashboard.over(expr, range)
    const series = found.find(each =>
      Object.entries(labels).every(([name, v]) => each.labels[name] === v),
    )
    return series?.values.findLast(value => !Number.isNaN(value))
  }
  const connected = { result: 'connected' }
  const establishment = (legend: string) =>
    last(exprOf('Establishment time', legend), connected)
  return {
    firstLine: await firstLinesOf(dashboard, range),
    peers: await peersOf(dashboard, range),
    p50: await establishment('p50 {{result}}'),
    p95: await establishment('p95 {{result}}'),
    legFailures: await legFailuresOf(dashboard, range),
    errors: await errorsOf(dashboard, range),
    alerts: await alertsOf(dashboard, range),
    exporter: {
      cpu: await last(
        'rate(process_cpu_seconds_total{core="$core"}[$__range])',
      ),
      memoryBytes: await last('process_resident_memory_bytes{core="$core"}'),
    },
  }
}

async function firstLinesOf(dashboard: Dashboard, range: Range) {
  const expr = exprOf('Is WebRTC healthy right now?')
  const [series] = await dashboard.over(expr, range)
  const ranks = series?.values ?? []
  return [...new Set(ranks)].map(rank => ({
    text: verdictText(rank),
    share: ranks.filter(each => each === rank).length / ranks.length,
  }))
}

async function peersOf(dashboard: Dashboard, range: Range) {
  const expr = exprOf('Viewers per stream')
  const found = await dashboard.instant(expr, range)
  return new Map(
    found.map(({ labels, values }) => [
      labels['stream_id'] ?? '',
      values[0] ?? 0,
    ]),
  )
}

async function legFailuresOf(dashboard: Dashboard, range: Range) {
  const found = await dashboard.instant(exprOf('FFmpeg leg failures'), range)
  return positive(found).map(({ labels, value }) => {
    // increase() extrapolates to the edges of the range.
    const count = Math.max(1, Math.round(value))
    return `${labels['stream_id'] ?? ''} ${labels['leg'] ?? ''}: ${count}`
  })
}

async function errorsOf(dashboard: Dashboard, range: Range) {
  const found = await dashboard.instant(exprOf('Errors by code'), range)
  return positive(found).map(({ labels }) => labels['code'] ?? '')
}

function positive(found: readonly Series[]) {
  return found.flatMap(({ labels, values: [value = 0] }) =>
    value > 0 ? [{ labels, value }] : [],
  )
}

async function alertsOf(dashboard: Dashboard, range: Range) {
  const found = await dashboard.over(exprOf('Alerts firing'), range)
  return [...new Set(found.map(({ labels }) => labels['alertname'] ?? ''))]
}
