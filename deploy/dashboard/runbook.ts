/** A section of the runbook in deploy/truenas/core/README.md. */
export interface RunbookSection {
  readonly title: string
  /** Markdown below the heading. */
  readonly text: string
}

/** Uid of the dashboard that shows the runbook. */
export const RUNBOOK_UID = 'dragonfork-webrtc-runbook'

/**
 * Returns the `###` sections below `## Runbook`, in order.
 * @throws {RangeError} if the README has no such heading
 */
export function readRunbook(readme: string): readonly RunbookSection[] {
  const [, after] = readme.split(/^## Runbook$/m)
  if (after === undefined) {
    throw new RangeError('Cannot find "## Runbook" in the README')
  }
  const [runbook = ''] = after.split(/^## /m)
  const [, ...sections] = runbook.split(/^### /m)
  return sections.map(section => {
    const [title = '', ...lines] = section.split('\n')
    return { title: title.trim(), text: lines.join('\n').trim() }
  })
}

/** Returns the path, within Grafana, of the section with this title. */
export type RunbookLink = (title: string) => string

/**
 * Returns a function that links to sections by title. It throws a RangeError
 * for an unknown title, so a dashboard cannot have a broken link.
 */
export function linksTo(sections: readonly RunbookSection[]): RunbookLink {
  return title => {
    const index = sections.findIndex(section => section.title === title)
    if (index < 0) {
      throw new RangeError(`Cannot link to ${title}: no such runbook section`)
    }
    return `/d/${RUNBOOK_UID}/webrtc-runbook?viewPanel=${panelIdOf(index)}`
  }
}

/** Panel id of the section at `index`: 1, 2, 3, in README order. */
export function panelIdOf(index: number): number {
  return index + 1
}
