import { healthDashboard } from './health.ts'
import { linksTo, readRunbook } from './runbook.ts'
import { runbookDashboard } from './runbook-dashboard.ts'

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
      `${JSON.stringify(dashboard, null, 2)}\n`,
    ]),
  )
}
