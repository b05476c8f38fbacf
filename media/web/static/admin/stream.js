import { errorWords } from './api.js'
import { confirm } from './confirm.js'
import { button, element, setText } from './element.js'
import { LinkField } from './link-field.js'
import { stateWord } from './overview.js'
import { Preview } from './preview.js'
import { ReportPanel } from './report-panel.js'
import { hashOf } from './route.js'
import { jobWords, legWords } from './stream-words.js'
import { clockTime, counted, duration, outOf } from './units.js'
import { ViewerTable } from './viewer-table.js'

/**
 * @typedef {import('./overview.js').Stream} Stream
 *
 * @typedef {'start' | 'stop' | 'restart'} Command
 */

/** One stream: its state, preview, viewers and FFmpeg's log. */
export class StreamView {
  element = element('section')
  #api
  #id
  /** @type {Stream | undefined} */
  #latest
  #gone = element('p', { role: 'alert' })
  #state = element('strong', { class: 'state' })
  #since = element('span', { class: 'quiet' })
  #reason = element('p', { class: 'reason' })
  #facts = element('p', { class: 'quiet' })
  #outcome = element('p', { role: 'status' })
  #start
  #stop
  #restart
  #preview
  #viewers
  #report

  /**
   * @param {import('./api.js').Api} api
   * @param {string} id
   */
  constructor(api, id) {
    this.title = id
    this.#api = api
    this.#id = id
    this.#start = button('Start', () => this.#command('start'))
    this.#stop = button('Stop', () => this.#stopAfterAsking())
    this.#restart = button('Restart', () => this.#command('restart'))
    const remove = button('Delete', () => this.#deleteAfterAsking())
    remove.classList.add('danger')
    const edit = element(
      'a',
      { href: hashOf({ at: 'edit', id }), class: 'button' },
      ['Edit'],
    )
    this.#preview = new Preview(id)
    this.#viewers = new ViewerTable(api, id)
    this.#report = new ReportPanel(api, id)
    const path = encodeURIComponent(id)
    this.element.append(
      element('h1', { tabindex: '-1' }, [id]),
      this.#gone,
      element('p', {}, [this.#state, ' ', this.#since]),
      this.#reason,
      this.#facts,
      element('p', { class: 'actions' }, [
        this.#start,
        this.#stop,
        this.#restart,
        edit,
        remove,
      ]),
      this.#outcome,
      this.#preview.element,
      new LinkField('Link for viewers', `../player/${path}`).element,
      new LinkField('WHEP address for other players', `../api/v3/whep/${path}`)
        .element,
      this.#viewers.element,
      this.#report.element,
    )
  }

  open() {
    this.#viewers.open()
    this.#report.open()
  }

  close() {
    this.#preview.close()
    this.#viewers.close()
    this.#report.close()
  }

  /** @param {import('./overview.js').Overview} overview */
  show({ streams, time }) {
    const stream = streams.find(({ id }) => id === this.#id)
    this.#latest = stream
    setText(
      this.#gone,
      stream ? '' : `There is no stream with the id ${this.#id}.`,
    )
    if (stream === undefined) return
    const { since, reason, legs, peers, peers_max: max } = stream
    const word = stateWord(stream)
    this.#state.dataset['state'] = word
    setText(this.#state, word)
    setText(
      this.#since,
      since === null
        ? ''
        : `for ${duration(time - since)}, since ${clockTime(since)}`,
    )
    setText(this.#reason, reason ?? '')
    const facts = [
      ...(legs.video ? [legWords('video', legs.video)] : []),
      ...(legs.audio ? [legWords('audio', legs.audio)] : []),
      `FFmpeg: ${jobWords(stream.process)}`,
      `${outOf(peers, max)} viewers`,
    ]
    setText(this.#facts, facts.join('; '))
    const isStopped = stream.process?.order === 'stop'
    this.#start.hidden = stream.process !== null && !isStopped
    this.#stop.hidden = isStopped
    this.#restart.hidden = isStopped
    this.#preview.show(stream.state)
  }

  /** @param {Command} command */
  async #command(command) {
    const path = `process/${encodeURIComponent(this.#id)}/command`
    const words = { start: 'Started.', stop: 'Stopped.', restart: 'Restarted.' }
    try {
      await this.#api.call('PUT', path, { body: { command } })
      this.#outcome.textContent = words[command]
    } catch (error) {
      this.#outcome.textContent = errorWords(error)
    }
  }

  async #stopAfterAsking() {
    const peers = this.#latest?.peers ?? 0
    const words = `This disconnects ${counted(peers, 'viewer')}. The stream stays stopped until it is started again.`
    if (peers > 0 && !(await confirm(`Stop ${this.#id}?`, words, 'Stop'))) {
      return
    }
    await this.#command('stop')
  }

  async #deleteAfterAsking() {
    const peers = this.#latest?.peers ?? 0
    const words =
      'This deletes the process and its configuration, which cannot be undone. ' +
      `It disconnects ${counted(peers, 'viewer')}, and links to the stream stop working.`
    if (!(await confirm(`Delete ${this.#id}?`, words, 'Delete'))) return
    try {
      const path = `process/${encodeURIComponent(this.#id)}`
      await this.#api.call('DELETE', path)
      location.hash = hashOf({ at: 'list' })
    } catch (error) {
      this.#outcome.textContent = errorWords(error)
    }
  }
}
