import {
  deleteSession,
  patchSession,
  postOffer,
  refusal,
  Refused,
} from './whep-client.js'

/** More requests than any sensible cap, in case there is none. */
const MAX_VIEWERS = 300

const ASK_MS = 1_000

/**
 * @typedef {object} ProvokerOptions
 * @property {URL} url of the WHEP endpoint
 * @property {() => string} token '' for none
 * @property {HTMLElement} log
 */

/** Makes the errors that TESTING.md checks by hand. */
export class Provoker {
  #options

  /** @param {ProvokerOptions} options */
  constructor(options) {
    this.#options = options
  }

  /**
   * Runs what the buttons in `panel` name, each of them once at a time.
   *
   * @param {HTMLElement} panel
   */
  listen(panel) {
    /** @type {Readonly<Record<string, () => Promise<void>>>} */
    const acts = {
      mismatch: () => this.#mismatch(),
      abandon: () => this.#abandon(),
      cap: () => this.#cap(),
    }
    for (const button of panel.querySelectorAll('button')) {
      const act = acts[button.dataset['provoke'] ?? '']
      button.addEventListener('click', () => {
        button.disabled = true
        act?.()
          .catch((/** @type {unknown} */ error) => {
            this.#say(`Failed: ${String(error)}`)
          })
          .finally(() => (button.disabled = false))
      })
    }
  }

  /** 406: the codecs are renamed to some that nobody has. */
  async #mismatch() {
    const offer = await makeOffer()
    const none = offer.replace(/^(a=rtpmap:\d+ )[\w-]+/gm, '$1X-NONE')
    if (await this.#post(none)) this.#say('POST gives 201')
  }

  /** Answered, never connected: ends by the ICE deadline, then PATCH is 404. */
  async #abandon() {
    const session = await this.#post(await makeOffer())
    if (session === undefined) return
    this.#say('POST gives 201')
    const started = performance.now()
    this.#say('The offer is abandoned; waiting for the deadline.')
    for (;;) {
      await new Promise(resolve => setTimeout(resolve, ASK_MS))
      const fragment = 'a=end-of-candidates\r\n'
      const response = await patchSession(session.resource, fragment)
      if (response.status === 204) continue
      const { problem } = await refusal(response)
      const seconds = Math.round((performance.now() - started) / 1000)
      this.#say(
        `After ${seconds} s: PATCH gives ${response.status}, ${problem.type}`,
      )
      return
    }
  }

  /** 503: asks until a cap is reached, then ends all that were let in. */
  async #cap() {
    const offer = await makeOffer()
    /** @type {import('./whep-client.js').WhepSession[]} */
    const sessions = []
    const endAll = () =>
      Promise.all(sessions.map(({ resource }) => deleteSession(resource)))
    const end = () => void endAll()
    // Also when the page is left before the cap is reached.
    window.addEventListener('pagehide', end)
    try {
      while (sessions.length < MAX_VIEWERS) {
        const session = await this.#post(offer)
        if (session === undefined) break
        sessions.push(session)
      }
      this.#say(`${sessions.length} were let in; ending them.`)
    } finally {
      window.removeEventListener('pagehide', end)
      await endAll()
    }
  }

  /**
   * Posts an offer; says it where it is refused.
   *
   * @param {string} offer
   */
  async #post(offer) {
    const { url, token } = this.#options
    try {
      return await postOffer(url, offer, token())
    } catch (error) {
      if (!(error instanceof Refused)) throw error
      const { type = '', detail = '' } = error.problem
      this.#say(`POST gives ${error.status}, ${type}: ${detail}`)
      return undefined
    }
  }

  /** @param {string} text */
  #say(text) {
    this.#options.log.textContent += `${text}\n`
  }
}

async function makeOffer() {
  const pc = new RTCPeerConnection()
  try {
    pc.addTransceiver('video', { direction: 'recvonly' })
    pc.addTransceiver('audio', { direction: 'recvonly' })
    return (await pc.createOffer()).sdp ?? ''
  } finally {
    pc.close()
  }
}
