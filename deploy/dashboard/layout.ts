import type { Builder } from '@grafana/grafana-foundation-sdk/cog'
import type { Panel, RowPanel } from '@grafana/grafana-foundation-sdk/dashboard'

/** Width of Grafana's grid. */
const COLUMNS = 24

/**
 * The Grafana version whose panel options these are. Without it Grafana takes
 * the panels for very old ones and migrates them.
 */
const GRAFANA_VERSION = '11.3.0'

/** A panel and its width in columns. */
export interface PlacedPanel {
  readonly width: number
  readonly panel: Builder<Panel>
}

/** Panels side by side, all of the same height. */
export interface Row {
  /** Heading above the panels; the first row of the dashboard has none. */
  readonly title?: string
  /** Height in Grafana's units of about 36 pixels. */
  readonly height: number
  readonly panels: readonly PlacedPanel[]
}

/**
 * Stacks the rows and numbers the panels from 1, starting at the top left.
 * @throws {RangeError} if a row is not exactly as wide as the grid
 */
export function layOut(rows: readonly Row[]): (Panel | RowPanel)[] {
  const placed: (Panel | RowPanel)[] = []
  let y = 0
  for (const { title, height, panels } of rows) {
    if (title !== undefined) {
      placed.push(heading(title, placed.length + 1, y))
      y += 1
    }
    let x = 0
    for (const { width, panel } of panels) {
      const gridPos = { h: height, w: width, x, y }
      placed.push({ ...finish(panel.build()), id: placed.length + 1, gridPos })
      x += width
    }
    if (x !== COLUMNS) {
      throw new RangeError(
        `Cannot lay out row: expected ${COLUMNS} columns, got ${x}`,
      )
    }
    y += height
  }
  return placed
}

function finish(panel: Panel): Panel {
  return {
    ...panel,
    pluginVersion: GRAFANA_VERSION,
    targets: (panel.targets ?? []).map((target, index) => ({
      ...target,
      refId: refId(index),
    })),
  }
}

/** The letter of the query at `index` of a panel: A, B, C. */
export function refId(index: number): string {
  return String.fromCharCode('A'.charCodeAt(0) + index)
}

function heading(title: string, id: number, y: number): RowPanel {
  const gridPos = { h: 1, w: COLUMNS, x: 0, y }
  return { type: 'row', title, id, collapsed: false, panels: [], gridPos }
}
