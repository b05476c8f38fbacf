import { healthDashboard } from './health.ts'
import { linksTo, readRunbook } from './runbook.ts'
import { runbookDashboard } from './runbook-dashboard.ts'

/** Keys of the SDK's variables that Grafana 11.3 does not know. */
const LATER_KEYS = new Set([
  'allowCustomValue',
  'auto',
  'auto_count',
  'auto_min',
])

/** The text of each dashboard file by its name, made from the README. */
export function generate(readme: string): ReadonlyMap<string, string> {
  const sections = readRunbook(readme)
  const dashboards = {
    'dragonfork-webrtc-health.json': healthDashboard(linksTo(sections)),
    'dragonfork-webrtc-runbook.json': runbookDashboard(sections),
  }
  return new Map(
    Object.entries(dashboards).map(([name, dashboard]) => [
      name,
      `${JSON.stringify(dashboard, knownToGrafana, 2)}\n`,
    ]),
  )
}

/** The SDK is of a later Grafana and says more than 11.3 understands. */
function knownToGrafana(key: string, value: unknown): unknown {
  const isLater = LATER_KEYS.has(key) || value === 'inControlsMenu'
  return isLater ? undefined : value
}
