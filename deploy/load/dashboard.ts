/** Runs the queries of the dashboard WebRTC Health, as Grafana does. */
import { healthDashboard } from '../dashboard/health.ts'
import { verdictText } from '../dashboard/verdict.ts'
import { fetchJson } from '../verify/http.ts'

/** Unix seconds of Prometheus' clock. */
export interface Range {
  readonly start: number
  readonly end: number
}

/** A series over a range: its values in the order of time. */
export interface Series {
  readonly labels: Readonly<Record<string, string>>
  readonly values: readonly number[]
}

interface Matrix {
  readonly data: {
    readonly result: readonly {
      readonly metric: Readonly<Record<string, string>>
      readonly values?: readonly (readonly [number, string])[]
      readonly value?: readonly [number, string]
    }[]
  }
}

/** Grafana's with the scrape interval of the bundle. */
const RATE_INTERVAL_S = 60
/** Prometheus rejects queries for more than 11,000. */
const MAX_POINTS = 1_000

const { panels } = healthDashboard(() => '')

/**
 * Returns the query of a panel.
 * @param legend of the query, if the panel has several
 * @throws {RangeError} if there is no such panel or query
 */
export function exprOf(title: string, legend?: string): string {
  const panel = panels.find(each => each.title === title)
  const targets = panel !== undefined && 'targets' in panel ? panel.targets : []
  for (const target of targets) {
    if (!('expr' in target) || typeof target.expr !== 'string') continue
    const isWanted =
      legend === undefined ||
      ('legendFormat' in target && target.legendFormat === legend)
    if (isWanted) return target.expr
  }
  throw new RangeError(`The dashboard has no query ${title} ${legend ?? ''}`)
}

/** The dashboard of one core in one Prometheus. */
export class Dashboard {
  readonly #prometheus: string
  readonly core: string

  /** @param prometheus base URL, without a trailing slash */
  constructor(prometheus: string, core: string) {
    this.#prometheus = prometheus
    this.core = core
  }

  /** Prometheus' time. */
  async now(): Promise<number> {
    const [series] = await this.instant('vector(time())')
    return series?.values[0] ?? NaN
  }

  /** The text of the first line now. */
  async firstLine(): Promise<string> {
    const [series] = await this.instant(exprOf('Is WebRTC healthy right now?'))
    return verdictText(series?.values[0] ?? NaN)
  }

  /**
   * Runs a query at the end of `range`, over all of it; by default now. It is
   * then a single step of a graph, over which Grafana takes rates.
   */
  instant(expr: string, range?: Range): Promise<readonly Series[]> {
    return this.#run('query', expr, range, {
      ...(range !== undefined && { time: String(range.end) }),
    })
  }

  /** Runs a query over `range`. */
  over(expr: string, range: Range): Promise<readonly Series[]> {
    const step = Math.max(1, (range.end - range.start) / MAX_POINTS)
    return this.#run('query_range', expr, range, {
      start: String(range.start),
      end: String(range.end),
      step: String(step),
    })
  }

  async #run(
    path: 'query' | 'query_range',
    expr: string,
    range: Range | undefined,
    more: Readonly<Record<string, string>>,
  ): Promise<readonly Series[]> {
    const seconds = range === undefined ? 0 : range.end - range.start
    const rangeS = Math.max(RATE_INTERVAL_S, Math.ceil(seconds))
    const rateIntervalS = path === 'query' ? rangeS : RATE_INTERVAL_S
    const query = expr
      .replaceAll('$core', this.core)
      .replaceAll('$stream', '.*')
      .replaceAll('$__rate_interval', `${rateIntervalS}s`)
      .replaceAll('$__range', `${rangeS}s`)
    const parameters = new URLSearchParams({ query, ...more })
    const { data } = await fetchJson<Matrix>(
      `${this.#prometheus}/api/v1/${path}?${parameters.toString()}`,
    )
    return data.result.map(({ metric, values, value }) => ({
      labels: metric,
      values: (values ?? (value === undefined ? [] : [value])).map(([, text]) =>
        Number(text),
      ),
    }))
  }
}

/**
 * Returns the core whose metrics Prometheus has.
 * @param expected CORE_ID; undefined: the only one
 * @throws {Error} if there is none, or several to choose from
 */
export async function findCore(
  prometheus: string,
  expected: string | undefined,
): Promise<string> {
  const dashboard = new Dashboard(prometheus, '')
  const found = await dashboard.instant('dragonfork_exporter_media_connected')
  const cores = [...new Set(found.map(({ labels }) => labels['core'] ?? ''))]
  const list = cores.join(', ') || 'none'
  if (expected !== undefined && !cores.includes(expected)) {
    throw new Error(`Prometheus has no core ${expected}, it has ${list}`)
  }
  const core = expected ?? cores[0]
  if (core === undefined || (expected === undefined && cores.length > 1)) {
    throw new Error(
      `Cannot choose a core: Prometheus has ${list}; CORE_ID selects one`,
    )
  }
  return core
}
