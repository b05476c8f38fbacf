import { errorWords } from './api.js'
import { arrange, button, element, setText } from './element.js'
import { Poll } from '../poll.js'
import { duration } from './units.js'

const REFRESH_MS = 2_000
const COLUMNS = ['Address', 'Connected for', 'Codecs', 'Browser', 'Action']

/**
 * A viewer or probe in GET /api/v3/webrtc/streams/{id}/peers.
 *
 * @typedef {object} Peer
 * @property {string} id
 * @property {boolean} probe whether the exporter plays it to test the stream
 * @property {string} state
 * @property {number} created_at Unix seconds
 * @property {number | null} connected_at Unix seconds
 * @property {string} user_agent
 * @property {string | null} remote_address
 * @property {Readonly<Record<string, string>>} codecs
 */

/** The viewers of a stream, each with a button that disconnects it. */
export class ViewerTable {
  element = element('section')
  #api
  #path
  #poll
  #none = element('p', { class: 'quiet' }, ['Nobody is watching.'])
  #body = element('tbody', { role: 'rowgroup' })
  #table
  #outcome = element('p', { role: 'status' })
  /** @type {Map<string, ViewerRow>} by session id */
  #rows = new Map()

  /**
   * @param {import('./api.js').Api} api
   * @param {string} id of the stream
   */
  constructor(api, id) {
    this.#api = api
    this.#path = `webrtc/streams/${encodeURIComponent(id)}/peers`
    const headers = COLUMNS.map(name =>
      element('th', { role: 'columnheader', scope: 'col' }, [name]),
    )
    this.#table = element('table', { role: 'table', 'aria-label': 'Viewers' }, [
      element('thead', { role: 'rowgroup' }, [
        element('tr', { role: 'row' }, headers),
      ]),
      this.#body,
    ])
    this.#table.hidden = true
    this.element.append(
      element('h2', {}, ['Viewers']),
      this.#none,
      this.#table,
      this.#outcome,
    )
    this.#poll = new Poll(REFRESH_MS, async signal => {
      try {
        const peers = await api.call('GET', this.#path, { signal })
        if (Array.isArray(peers)) this.#show(peers)
      } catch {
        // The overview shows whether the server or the stream is gone.
      }
    })
  }

  open() {
    this.#poll.start()
  }

  close() {
    this.#poll.stop()
  }

  /** @param {readonly Peer[]} peers */
  #show(peers) {
    const rows = peers.map(peer => {
      const row =
        this.#rows.get(peer.id) ??
        new ViewerRow(peer.id, () => this.#kick(peer.id))
      row.show(peer)
      return row
    })
    this.#rows = new Map(rows.map(row => [row.id, row]))
    arrange(
      this.#body,
      rows.map(row => row.element),
    )
    this.#table.hidden = peers.length === 0
    this.#none.hidden = peers.length > 0
  }

  /** @param {string} peer */
  async #kick(peer) {
    try {
      const path = `${this.#path}/${encodeURIComponent(peer)}`
      await this.#api.call('DELETE', path)
      this.#outcome.textContent = 'The viewer was disconnected.'
    } catch (error) {
      this.#outcome.textContent = errorWords(error)
    }
    this.#poll.start()
  }
}

class ViewerRow {
  element = element('tr', { role: 'row' })
  #cells

  /**
   * @param {string} id of the session
   * @param {() => Promise<void>} kick
   */
  constructor(id, kick) {
    this.id = id
    this.#cells = COLUMNS.map(label =>
      element('td', { role: 'cell', 'data-label': label }),
    )
    this.#cells.at(-1)?.append(button('Kick', kick))
    this.element.append(...this.#cells)
  }

  /** @param {Peer} peer */
  show(peer) {
    const { probe, state, connected_at: connectedAt, codecs } = peer
    const age =
      connectedAt === null ? '' : duration(Date.now() / 1000 - connectedAt)
    const words = [
      peer.remote_address ?? 'unknown',
      state === 'connected' ? age : state,
      Object.values(codecs).join(', '),
      probe ? 'probe' : peer.user_agent,
    ]
    for (const [at, text] of words.entries()) {
      const cell = this.#cells[at]
      if (cell) setText(cell, text)
    }
  }
}
