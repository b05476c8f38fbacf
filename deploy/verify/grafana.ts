import type { Check } from './check.ts'
import { fetchJson, type Retry } from './http.ts'

const DASHBOARD = 'dragonfork-webrtc-health'

interface Dashboard {
  readonly dashboard: { readonly title: string }
  readonly meta: { readonly folderTitle: string }
}

interface QueryResult {
  readonly status: string
  readonly data: { readonly result: readonly unknown[] }
}

/** Checks that Grafana has the dashboard and can query Prometheus. */
export function grafanaCheck(
  grafanaUrl: string,
  password: string,
  retry: Retry,
): Check {
  const login = Buffer.from(`admin:${password}`).toString('base64')
  const headers = { authorization: `Basic ${login}` }
  return {
    title: 'Grafana',
    run: () =>
      retry(async () => {
        const { dashboard, meta } = await fetchJson<Dashboard>(
          `${grafanaUrl}/api/dashboards/uid/${DASHBOARD}`,
          headers,
        )
        const { status, data } = await fetchJson<QueryResult>(
          `${grafanaUrl}/api/datasources/proxy/uid/prometheus/api/v1/query?query=up`,
          headers,
        )
        if (status !== 'success' || data.result.length === 0) {
          throw new Error('the data source returns no data')
        }
        return `${meta.folderTitle} / ${dashboard.title}, with data`
      }),
  }
}
