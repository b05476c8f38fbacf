import type { Builder } from '@grafana/grafana-foundation-sdk/cog'
import type { Panel, RowPanel } from '@grafana/grafana-foundation-sdk/dashboard'

/** Grafana's grid is so many columns wide. */
const COLUMNS = 24

/**
 * The version whose options the panels are written in. Without it Grafana
 * takes them for very old ones, and migrates them.
 */
const GRAFANA_VERSION = '11.3.0'

/** A panel with its width in columns. */
export interface Placed {
  readonly width: number
  readonly panel: Builder<Panel>
}

/** Panels beside each other, all of one height; below a heading, or on top. */
export interface Row {
  readonly title?: string
  /** Height in Grafana's units of about 36 pixels. */
  readonly height: number
  readonly panels: readonly Placed[]
}

/**
 * Puts the rows below each other and numbers the panels, 1 from the top left.
 * @throws {RangeError} when a row is not exactly as wide as the grid
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
      throw new RangeError(`Cannot lay out row: ${x} columns, not ${COLUMNS}`)
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
      refId: String.fromCharCode('A'.charCodeAt(0) + index),
    })),
  }
}

function heading(title: string, id: number, y: number): RowPanel {
  const gridPos = { h: 1, w: COLUMNS, x: 0, y }
  return { type: 'row', title, id, collapsed: false, panels: [], gridPos }
}
