import { healthDashboard } from './health.ts'
import { linksTo, readRunbook } from './runbook.ts'
import { runbookDashboard } from './runbook-dashboard.ts'

/** Keys of the SDK's variables that are newer than Grafana 11.3. */
const NEWER_KEYS = new Set([
  'allowCustomValue',
  'auto',
  'auto_count',
  'auto_min',
])

/**
 * Returns the JSON of each dashboard by file name.
 * @param readme text of deploy/truenas/core/README.md, which has the runbook
 */
export function generate(readme: string): ReadonlyMap<string, string> {
  const sections = readRunbook(readme)
  const dashboards = {
    'dragonfork-webrtc-health.json': healthDashboard(linksTo(sections)),
    'dragonfork-webrtc-runbook.json': runbookDashboard(sections),
  }
  return new Map(
    Object.entries(dashboards).map(([name, dashboard]) => [
      name,
      `${JSON.stringify(dashboard, dropNewerKeys, 2)}\n`,
    ]),
  )
}

/** The SDK targets a newer Grafana and writes keys that 11.3 rejects. */
function dropNewerKeys(key: string, value: unknown): unknown {
  const isNewer = NEWER_KEYS.has(key) || value === 'inControlsMenu'
  return isNewer ? undefined : value
}
