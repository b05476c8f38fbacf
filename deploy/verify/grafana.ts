import type { Check } from './check.ts'
import { askJson, type Patiently } from './http.ts'

const DASHBOARD = 'dragonfork-webrtc-health'

interface Dashboard {
  readonly dashboard: { readonly title: string }
  readonly meta: { readonly folderTitle: string }
}

interface Proxied {
  readonly status: string
  readonly data: { readonly result: readonly unknown[] }
}

/** Whether Grafana has the dashboard and reaches Prometheus. */
export function grafanaCheck(
  grafanaUrl: string,
  password: string,
  patiently: Patiently,
): Check {
  const login = Buffer.from(`admin:${password}`).toString('base64')
  const headers = { authorization: `Basic ${login}` }
  return {
    title: 'Grafana',
    run: () =>
      patiently(async () => {
        const { dashboard, meta } = await askJson<Dashboard>(
          `${grafanaUrl}/api/dashboards/uid/${DASHBOARD}`,
          headers,
        )
        const { status, data } = await askJson<Proxied>(
          `${grafanaUrl}/api/datasources/proxy/uid/prometheus/api/v1/query?query=up`,
          headers,
        )
        if (status !== 'success' || data.result.length === 0) {
          throw new Error('its data source has no data')
        }
        return `${meta.folderTitle} / ${dashboard.title}, with data`
      }),
  }
}
