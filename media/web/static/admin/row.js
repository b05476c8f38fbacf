import { element, setText } from './element.js'
import { stateWord } from './overview.js'
import { hashOf } from './route.js'
import { jobWords, legWords } from './stream-words.js'
import { duration, outOf } from './units.js'

/** One stream in the list. */
export class Row {
  element = element('tr', { role: 'row' })
  #reason = element('p', { class: 'reason' })
  #state = cell('State', 'state')
  #viewers = cell('Viewers')
  #video = element('div')
  #audio = element('div')
  #job = cell('FFmpeg')
  #since = cell('Since')

  /** @param {string} id of the stream */
  constructor(id) {
    this.id = id
    const link = element('a', { href: hashOf({ at: 'stream', id }) }, [id])
    const name = element('th', { role: 'rowheader', scope: 'row' })
    name.append(link, this.#reason)
    const legs = cell('Legs')
    legs.append(this.#video, this.#audio)
    this.element.append(
      name,
      this.#state,
      this.#viewers,
      legs,
      this.#job,
      this.#since,
    )
  }

  /**
   * @param {import('./overview.js').Stream} stream
   * @param {number} time Unix seconds of the server
   */
  show(stream, time) {
    const { legs, peers, peers_max: max, since, reason } = stream
    const word = stateWord(stream)
    this.#state.dataset['state'] = word
    setText(this.#state, word)
    setText(this.#reason, reason ?? '')
    setText(this.#viewers, outOf(peers, max))
    setText(this.#video, legs.video ? legWords('video', legs.video) : '')
    setText(this.#audio, legs.audio ? legWords('audio', legs.audio) : '')
    setText(this.#job, jobWords(stream.process))
    setText(this.#since, since === null ? '' : duration(time - since))
  }
}

/**
 * @param {string} label of the column, shown in the cell on narrow screens
 * @param {string} [name]
 */
function cell(label, name = '') {
  return element('td', { role: 'cell', 'data-label': label, class: name })
}
