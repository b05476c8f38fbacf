import { errorWords } from './api.js'
import { confirm } from './confirm.js'
import { button, element, setText } from './element.js'
import { drainWords } from './stream-words.js'
import { counted } from './units.js'

/** Takes the server out of service and back. */
export class DrainPanel {
  element = element('section', { 'aria-labelledby': 'drain-title' })
  #api
  #viewers = 0
  #state = element('p', { class: 'reason' })
  #endAfter = element('input', {
    type: 'number',
    id: 'end-after',
    min: '0',
    max: '86400',
    step: '1',
    inputmode: 'numeric',
  })
  #start = button('Drain', () => this.#startAfterAsking())
  #stop = button('Stop draining', () => this.#put(false, ''))
  #starting
  #outcome = element('p', { role: 'status' })

  /** @param {import('./api.js').Api} api */
  constructor(api) {
    this.#api = api
    this.#stop.hidden = true
    this.#starting = element('p', { class: 'actions' }, [
      element('label', { for: 'end-after' }, [
        'Disconnect viewers after (seconds; empty: they stay until they leave)',
      ]),
      this.#endAfter,
      this.#start,
    ])
    this.element.append(
      element('h2', { id: 'drain-title' }, ['Drain']),
      element('p', { class: 'quiet' }, [
        'Before you stop or update this server: it takes no new viewers and ' +
          'keeps those it has.',
      ]),
      this.#state,
      this.#starting,
      element('p', { class: 'actions' }, [this.#stop]),
      this.#outcome,
    )
  }

  /** @param {import('./overview.js').Overview} overview */
  show({ drain, time }) {
    this.#viewers = drain.viewers_left
    setText(this.#state, drainWords(drain, time))
    this.#starting.hidden = drain.draining
    this.#stop.hidden = !drain.draining
  }

  async #startAfterAsking() {
    if (!this.#endAfter.reportValidity()) return
    const seconds = this.#endAfter.value
    const viewers = counted(this.#viewers, 'viewer')
    const words =
      'New viewers get 503, and /ping answers 503 for a load balancer. ' +
      (seconds === ''
        ? `${viewers} may stay.`
        : `Those who are left after ${seconds} s are disconnected (now ${viewers}).`)
    if (!(await confirm('Drain this server?', words, 'Drain'))) return
    await this.#put(true, seconds)
  }

  /**
   * @param {boolean} drain
   * @param {string} endAfter seconds; '' for none
   */
  async #put(drain, endAfter) {
    const query = endAfter === '' ? '' : `?end_after=${endAfter}`
    try {
      await this.#api.call('PUT', `webrtc/drain${query}`, { body: { drain } })
      this.#outcome.textContent = drain
        ? 'The server drains.'
        : 'The server takes new viewers again.'
    } catch (error) {
      this.#outcome.textContent = errorWords(error)
    }
  }
}
