import { adviceOn, probedWords } from './advice.js'
import { errorWords } from './api.js'
import { button, element } from './element.js'

/**
 * What is to be probed.
 *
 * @typedef {object} Trial
 * @property {{ address: string, options: readonly string[] }} input
 * @property {boolean} loop
 */

/** Looks at an input for at most 10 s, and says which codecs fit. */
export class TryIt {
  element = element('section')
  #options
  #result = element('div', { role: 'status' })

  /**
   * @param {object} options
   * @param {import('./api.js').Api} options.api
   * @param {() => Trial} options.trial
   * @param {(codecs: { video: string, audio: string }) => void} options.onChoose
   */
  constructor(options) {
    this.#options = options
    this.element.append(
      element('p', {}, [button('Try it', () => this.#probe())]),
      this.#result,
    )
  }

  async #probe() {
    const { api, trial } = this.#options
    const { input, loop } = trial()
    const { address, options } = input
    this.#result.replaceChildren('Looking at the input for up to 10 s.')
    try {
      const body = { address, options }
      const answer = await api.call('POST', 'process/probe', { body })
      this.#show(answer, loop)
    } catch (error) {
      this.#result.replaceChildren(errorWords(error))
    }
  }

  /**
   * @param {unknown} answer
   * @param {boolean} loop
   */
  #show(answer, loop) {
    const { streams = [], log = [] } =
      /** @type {{
       *   streams?: import('./advice.js').ProbedStream[]
       *   log?: string[]
       * }} */ (answer ?? {})
    if (streams.length === 0) {
      this.#result.replaceChildren(
        element('p', {}, ['FFmpeg found nothing to play:']),
        element('pre', { class: 'log' }, [log.join('\n')]),
      )
      return
    }
    const advice = adviceOn(streams, { loop })
    const codecs = { video: advice.video.codec, audio: advice.audio.codec }
    const found = streams.map(stream =>
      element('li', {}, [probedWords(stream)]),
    )
    this.#result.replaceChildren(
      element('ul', {}, found),
      element('p', {}, [`${advice.video.words} ${advice.audio.words}`]),
      button(`Use ${codecs.video} and ${codecs.audio}`, () => {
        this.#options.onChoose(codecs)
      }),
    )
  }
}
