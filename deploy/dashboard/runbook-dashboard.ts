/** The dashboard "WebRTC Runbook": one panel per section of the README. */
import { PanelBuilder, TextMode } from '@grafana/grafana-foundation-sdk/text'
import { SCHEMA_VERSION } from './health.ts'
import { panelIdOf, RUNBOOK_UID, type RunbookSection } from './runbook.ts'

const HEIGHT = 11

/** Returns the dashboard as the JSON model that Grafana reads from a file. */
export function runbookDashboard(sections: readonly RunbookSection[]) {
  return {
    uid: RUNBOOK_UID,
    title: 'WebRTC Runbook',
    description: 'What to do about each alert. Generated: do not edit.',
    tags: ['dragonfork', 'webrtc'],
    editable: false,
    timezone: 'browser',
    schemaVersion: SCHEMA_VERSION,
    panels: sections.map(({ title, text }, index) => ({
      ...new PanelBuilder()
        .title(title)
        .mode(TextMode.Markdown)
        .content(text)
        .build(),
      id: panelIdOf(index),
      gridPos: {
        h: HEIGHT,
        w: 12,
        x: (index % 2) * 12,
        y: Math.floor(index / 2) * HEIGHT,
      },
    })),
  }
}
