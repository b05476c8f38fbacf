import {
  deleteSession,
  patchSession,
  postOffer,
  refusal,
  Refused,
} from './whep-client.js'

/** Above any sensible cap, in case there is none. */
const MAX_VIEWERS = 300

const ASK_MS = 1_000

/**
 * @typedef {object} ErrorTriggerOptions
 * @property {URL} url of the WHEP endpoint
 * @property {() => string} token '' for none
 * @property {HTMLElement} log
 */

/** Causes the errors that TESTING.md checks by hand. */
export class ErrorTrigger {
  #options

  /** @param {ErrorTriggerOptions} options */
  constructor(options) {
    this.#options = options
  }

  /**
   * Connects the buttons in `panel`; each runs once at a time.
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
            this.#log(`Failed: ${String(error)}`)
          })
          .finally(() => (button.disabled = false))
      })
    }
  }

  /** 406: renames the codecs to one that does not exist. */
  async #mismatch() {
    const offer = await makeOffer()
    const none = offer.replace(/^(a=rtpmap:\d+ )[\w-]+/gm, '$1X-NONE')
    if (await this.#post(none)) this.#log('POST gives 201')
  }

  /** Never connects: the session ends by the ICE timeout, then PATCH gets 404. */
  async #abandon() {
    const session = await this.#post(await makeOffer())
    if (session === undefined) return
    this.#log('POST gives 201')
    const started = performance.now()
    this.#log('The offer is abandoned; waiting for the ICE timeout.')
    for (;;) {
      await new Promise(resolve => setTimeout(resolve, ASK_MS))
      const fragment = 'a=end-of-candidates\r\n'
      const response = await patchSession(session.resource, fragment)
      if (response.status === 204) continue
      const { problem } = await refusal(response)
      const seconds = Math.round((performance.now() - started) / 1000)
      this.#log(
        `After ${seconds} s: PATCH gives ${response.status}, ${problem.type}`,
      )
      return
    }
  }

  /** 503: opens sessions until a cap is reached, then ends them all. */
  async #cap() {
    const offer = await makeOffer()
    /** @type {import('./whep-client.js').WhepSession[]} */
    const sessions = []
    const endAll = () =>
      Promise.all(sessions.map(({ resource }) => deleteSession(resource)))
    const end = () => void endAll()
    // Also if the page is left before the cap is reached.
    window.addEventListener('pagehide', end)
    try {
      while (sessions.length < MAX_VIEWERS) {
        const session = await this.#post(offer)
        if (session === undefined) break
        sessions.push(session)
      }
      this.#log(`${sessions.length} were admitted; ending them.`)
    } finally {
      window.removeEventListener('pagehide', end)
      await endAll()
    }
  }

  /**
   * Posts an offer; logs a refusal.
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
      this.#log(`POST gives ${error.status}, ${type}: ${detail}`)
      return undefined
    }
  }

  /** @param {string} text */
  #log(text) {
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
