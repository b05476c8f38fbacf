/** A section of the runbook in deploy/truenas/core/README.md. */
export interface RunbookSection {
  readonly title: string
  /** Markdown below the heading. */
  readonly text: string
}

/** Uid of the dashboard that shows the runbook. */
export const RUNBOOK_UID = 'dragonfork-webrtc-runbook'

/**
 * The `###` sections below `## Runbook`, in their order.
 * @throws {RangeError} when there is no such heading
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

/** Gives the address, within Grafana, of the section of that title. */
export type RunbookLink = (title: string) => string

/**
 * Links to the sections by title; a title that is not there is an error, so
 * no link leads nowhere.
 */
export function linksTo(sections: readonly RunbookSection[]): RunbookLink {
  return title => {
    const index = sections.findIndex(section => section.title === title)
    if (index < 0) {
      throw new RangeError(`Cannot link to runbook section ${title}: not there`)
    }
    return `/d/${RUNBOOK_UID}/webrtc-runbook?viewPanel=${panelIdOf(index)}`
  }
}

/** Panel id of the section at `index`: 1, 2, 3, in the order of the README. */
export function panelIdOf(index: number): number {
  return index + 1
}
