import { pause } from './pause.js'

/** Repeats one request while the page is visible, one at a time. */
export class Poll {
  #everyMs
  #ask
  /** @type {AbortController | undefined} */
  #running

  /**
   * @param {number} everyMs pause after each answer
   * @param {(signal: AbortSignal) => Promise<void>} ask handles its errors,
   *   except those of `signal`
   */
  constructor(everyMs, ask) {
    this.#everyMs = everyMs
    this.#ask = ask
  }

  /** Starts polling, at once even if it was running. */
  start() {
    this.stop()
    const running = new AbortController()
    this.#running = running
    void this.#run(running.signal)
  }

  /** Stops polling. Idempotent. */
  stop() {
    this.#running?.abort()
    this.#running = undefined
  }

  /** @param {AbortSignal} signal */
  async #run(signal) {
    while (!signal.aborted) {
      const asked = document.hidden ? Promise.resolve() : this.#ask(signal)
      await asked.catch((/** @type {unknown} */ error) => {
        if (!signal.aborted) throw error
      })
      await pause(this.#everyMs, signal)
    }
  }
}
