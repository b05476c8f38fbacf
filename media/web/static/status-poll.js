import { Poll } from './poll.js'

const POLL_MS = 3_000
const RESPONSE_TIMEOUT_MS = 5_000
/** An older status is not shown. */
const STALE_MS = 10_000

/**
 * The status of the stream, as far as the player needs it.
 *
 * @typedef {object} ServerStatus
 * @property {'stopped' | 'asleep' | 'starting' | 'live' | 'failed'} state
 * @property {boolean} degraded
 * @property {string} [degraded_reason]
 * @property {string} [source_fault] a code: why the source cannot be opened
 * @property {Partial<Record<
 *   import('./viewer.js').Kind,
 *   { state: import('./play-words.js').LegState }
 * >>} legs
 *
 * @typedef {object} StatusPollOptions
 * @property {URL} url
 * @property {() => string} token '' for none
 * @property {() => void} onNews
 */

/**
 * Polls the status of the stream while the page is visible, one request at a
 * time. A failed request changes nothing.
 */
export class StatusPoll {
  #options
  #poll = new Poll(POLL_MS, signal => this.#ask(signal))
  #isRunning = false
  /** @type {ServerStatus | undefined} */
  #latest
  #latestMs = 0
  #asked = false

  /** @param {StatusPollOptions} options */
  constructor(options) {
    this.#options = options
  }

  /** The last status, unless it is stale. */
  get latest() {
    const fresh = performance.now() - this.#latestMs < STALE_MS
    return fresh ? this.#latest : undefined
  }

  /** False until the first response. */
  get asked() {
    return this.#asked || document.hidden
  }

  /** Starts polling. Idempotent. */
  start() {
    if (this.#isRunning) return
    this.#isRunning = true
    this.#poll.start()
  }

  /** Stops polling and forgets the status. Idempotent. */
  stop() {
    this.#poll.stop()
    this.#isRunning = false
    this.#latest = undefined
    this.#asked = false
  }

  /** @param {AbortSignal} signal */
  async #ask(signal) {
    const { url, token, onNews } = this.#options
    const status = await answerOf(url, token(), signal)
    if (signal.aborted) return
    if (status !== undefined) {
      this.#latest = status
      this.#latestMs = performance.now()
    }
    this.#asked = true
    onNews()
  }
}

/**
 * @param {URL} url
 * @param {string} token
 * @param {AbortSignal} signal
 * @returns {Promise<ServerStatus | undefined>}
 */
async function answerOf(url, token, signal) {
  try {
    const inTime = AbortSignal.timeout(RESPONSE_TIMEOUT_MS)
    const response = await fetch(url, {
      headers: token === '' ? {} : { Authorization: `Bearer ${token}` },
      signal: AbortSignal.any([signal, inTime]),
    })
    /** @type {unknown} */
    const body = await response.json()
    return response.ok && isStatus(body) ? body : undefined
  } catch {
    return undefined
  }
}

/**
 * @param {unknown} body
 * @returns {body is ServerStatus}
 */
function isStatus(body) {
  return typeof body === 'object' && body !== null && 'legs' in body
}
