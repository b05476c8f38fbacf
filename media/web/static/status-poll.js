const POLL_MS = 3_000
const ANSWER_LIMIT_MS = 5_000
/** What is older is not true any more. */
const STALE_MS = 10_000

/**
 * What the server says of the stream.
 *
 * @typedef {object} ServerStatus
 * @property {boolean} degraded
 * @property {string} [degraded_reason]
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
 * Asks how the stream does while the page is seen: one request at a time, and
 * what fails says nothing.
 */
export class StatusPoll {
  #options
  /** @type {AbortController | undefined} */
  #running
  /** @type {ServerStatus | undefined} */
  #latest
  #latestMs = 0
  #asked = false

  /** @param {StatusPollOptions} options */
  constructor(options) {
    this.#options = options
  }

  /** The last answer, as long as it may be true. */
  get latest() {
    const fresh = performance.now() - this.#latestMs < STALE_MS
    return fresh ? this.#latest : undefined
  }

  /** False as long as the first answer is awaited. */
  get asked() {
    return this.#asked || document.hidden
  }

  /** Asks from now on. Idempotent. */
  start() {
    if (this.#running !== undefined) return
    const running = new AbortController()
    this.#running = running
    void this.#run(running.signal)
  }

  /** Asks no more, and forgets the answer. Idempotent. */
  stop() {
    this.#running?.abort()
    this.#running = undefined
    this.#latest = undefined
    this.#asked = false
  }

  /** @param {AbortSignal} signal */
  async #run(signal) {
    while (!signal.aborted) {
      if (!document.hidden) await this.#ask(signal)
      await pause(POLL_MS, signal)
    }
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
    const inTime = AbortSignal.timeout(ANSWER_LIMIT_MS)
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

/**
 * Waits, at most until the page is hidden or seen again, or `signal` aborts.
 *
 * @param {number} ms
 * @param {AbortSignal} signal
 */
async function pause(ms, signal) {
  const over = new AbortController()
  await new Promise(resolve => {
    const timer = setTimeout(resolve, ms)
    over.signal.addEventListener('abort', () => {
      clearTimeout(timer)
    })
    const { signal: listening } = over
    document.addEventListener('visibilitychange', resolve, {
      signal: listening,
    })
    signal.addEventListener('abort', resolve, { signal: listening })
    if (signal.aborted) resolve(undefined)
  })
  over.abort()
}
