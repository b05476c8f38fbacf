import { fleetDashboard } from './fleet.ts'
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

/** Bundle of one box, and that of several: folders in deploy/. */
const BOX = 'truenas/core'
const FLEET = 'fleet'
const FOLDER = 'grafana/dashboards'

/**
 * Returns the JSON of each dashboard by its path in deploy/.
 * @param readme text of deploy/truenas/core/README.md, which has the runbook
 */
export function generate(readme: string): ReadonlyMap<string, string> {
  const sections = readRunbook(readme)
  const link = linksTo(sections)
  const dashboards = {
    [`${BOX}/${FOLDER}/dragonfork-webrtc-health.json`]: healthDashboard(link),
    [`${BOX}/${FOLDER}/dragonfork-webrtc-runbook.json`]:
      runbookDashboard(sections),
    [`${FLEET}/${FOLDER}/dragonfork-webrtc-fleet.json`]: fleetDashboard(link),
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
