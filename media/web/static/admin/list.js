import { DrainPanel } from './drain-panel.js'
import { arrange, element, setText } from './element.js'
import { countWords, worstFirst } from './overview.js'
import { Row } from './row.js'

const COLUMNS = ['Stream', 'State', 'Viewers', 'Legs', 'FFmpeg', 'Since']

/**
 * The list of streams, the worst first. Rows are updated in place, so that
 * scroll position, focus and selection stay.
 */
export class ListView {
  title = 'Streams'
  element = element('section')
  #counts = element('p', { class: 'quiet' })
  #filter = element('input', {
    type: 'search',
    id: 'filter',
    autocomplete: 'off',
    autocapitalize: 'off',
    spellcheck: 'false',
  })
  #body = element('tbody', { role: 'rowgroup' })
  #table
  #none = element('p', { hidden: true })
  /** @type {Map<string, Row>} by stream id */
  #rows = new Map()
  #drain

  /** @param {import('./api.js').Api} api */
  constructor(api) {
    this.#drain = new DrainPanel(api)
    // Narrow screens show rows as blocks, which hides the table from screen
    // readers unless the roles are explicit.
    const headers = COLUMNS.map(name =>
      element('th', { role: 'columnheader', scope: 'col' }, [name]),
    )
    this.#table = element(
      'table',
      { class: 'streams', role: 'table', 'aria-label': 'Streams' },
      [
        element('thead', { role: 'rowgroup' }, [
          element('tr', { role: 'row' }, headers),
        ]),
        this.#body,
      ],
    )
    const add = element('a', { href: '#/add' }, ['Add a stream'])
    this.#none.append('There are no streams yet. ', add, '.')
    this.element.append(
      element('h1', { tabindex: '-1' }, [this.title]),
      this.#counts,
      element('p', {}, [
        element('label', { for: 'filter' }, ['Show only ids with ']),
        this.#filter,
      ]),
      this.#table,
      this.#none,
      this.#drain.element,
    )
    this.#filter.addEventListener('input', () => {
      this.#applyFilter()
    })
  }

  /** @param {import('./overview.js').Overview} overview */
  show(overview) {
    const { streams, time } = overview
    const sorted = worstFirst(streams)
    const rows = sorted.map(stream => {
      const row = this.#rows.get(stream.id) ?? new Row(stream.id)
      row.show(stream, time)
      return row
    })
    this.#rows = new Map(rows.map(row => [row.id, row]))
    arrange(
      this.#body,
      rows.map(row => row.element),
    )
    setText(this.#counts, countWords(streams))
    this.#table.hidden = streams.length === 0
    this.#none.hidden = streams.length > 0
    this.#applyFilter()
    this.#drain.show(overview)
  }

  /** All that it shows is in the overview. */
  open() {
    // Nothing to start.
  }

  close() {
    // Nothing to end.
  }

  #applyFilter() {
    const part = this.#filter.value.trim().toLowerCase()
    for (const { id, element } of this.#rows.values()) {
      element.hidden = !id.toLowerCase().includes(part)
    }
  }
}
