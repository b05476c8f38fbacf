import {
  deleteSession,
  patchSession,
  postOffer,
  Refused,
} from './whep-viewer.js'

/** More requests than any sensible cap, in case there is none. */
const MAX_VIEWERS = 300

/** Makes the errors that TESTING.md checks by hand. */
export class Provoker {
  #url
  #tokenOf
  #log

  constructor({ url, tokenOf, log }) {
    this.#url = url
    this.#tokenOf = tokenOf
    this.#log = log
  }

  /** Runs what the buttons in `panel` name, one at a time. */
  listen(panel) {
    const acts = {
      mismatch: () => this.mismatch(),
      abandon: () => this.abandon(),
      cap: () => this.cap(),
    }
    for (const button of panel.querySelectorAll('[data-provoke]')) {
      button.addEventListener('click', () => {
        button.disabled = true
        acts[button.dataset.provoke]()
          .catch(error => this.#say(`Failed: ${error.message}`))
          .finally(() => (button.disabled = false))
      })
    }
  }

  /** 406: the codecs are renamed to some that nobody has. */
  async mismatch() {
    const offer = (await makeOffer()).replace(
      /^(a=rtpmap:\d+ )[\w-]+/gm,
      '$1X-NONE',
    )
    await this.#post(offer)
  }

  /** Answered, never connected: ends by the ICE deadline, then PATCH is 404. */
  async abandon() {
    const session = await this.#post(await makeOffer())
    if (session === undefined) return
    const started = performance.now()
    this.#say('The offer is abandoned; waiting for the deadline.')
    for (;;) {
      await new Promise(resolve => setTimeout(resolve, 1_000))
      const fragment = 'a=end-of-candidates\r\n'
      const response = await patchSession(session.resource, fragment, '*')
      if (response.status === 204) continue
      const { type } = await response.json()
      const seconds = Math.round((performance.now() - started) / 1000)
      this.#say(`After ${seconds} s: PATCH gives ${response.status}, ${type}`)
      return
    }
  }

  /** 503: asks until a cap is reached, then ends all that were let in. */
  async cap() {
    const offer = await makeOffer()
    const sessions = []
    try {
      while (sessions.length < MAX_VIEWERS) {
        const session = await this.#post(offer, false)
        if (session === undefined) break
        sessions.push(session)
      }
      this.#say(`${sessions.length} were let in; ending them.`)
    } finally {
      await Promise.all(sessions.map(({ resource }) => deleteSession(resource)))
    }
  }

  async #post(offer, verbose = true) {
    try {
      const session = await postOffer(this.#url, offer, this.#tokenOf())
      if (verbose) this.#say('POST gives 201')
      return session
    } catch (error) {
      if (!(error instanceof Refused)) throw error
      const { type, detail } = error.problem
      this.#say(`POST gives ${error.status}, ${type}: ${detail}`)
      return undefined
    }
  }

  #say(text) {
    this.#log.textContent += `${text}\n`
  }
}

async function makeOffer() {
  const pc = new RTCPeerConnection()
  try {
    pc.addTransceiver('video', { direction: 'recvonly' })
    pc.addTransceiver('audio', { direction: 'recvonly' })
    return (await pc.createOffer()).sdp
  } finally {
    pc.close()
  }
}
