import { Pulse } from './pulse.js'

/** A pause between packets up to this still counts as arriving. */
const ARRIVING_MS = 3_000
/** A picture that is frozen for less is not reported. */
const STILL_MS = 4_000
/** A frame interval above this is reported. */
const SLOW_MS = 4_000

/**
 * The part of getStats about received video.
 *
 * @typedef {object} PictureStats
 * @property {number} [packetsReceived]
 * @property {number} [framesReceived]
 * @property {number} [framesDecoded]
 *
 * @typedef {{ at: 'none' }
 *   | { at: 'undecoded', forMs: number, whole: boolean }
 *   | { at: 'moving' }
 *   | { at: 'slow', everyMs: number }
 *   | { at: 'still', arrives: boolean }} PictureState `none`: nothing has
 *   arrived; `undecoded`: packets arrive, but no frame was decoded
 */

/** The state of the received picture, from a series of getStats. */
export class Picture {
  #pulse = new Pulse(STILL_MS)
  #packets = 0
  #received = 0
  #decoded = 0
  #whole = false
  /** @type {number | undefined} */
  #firstPacketMs
  #packetMs = 0

  /** Forgets everything received before the reconnect. */
  restart() {
    this.#pulse = new Pulse(STILL_MS)
    this.#whole = false
    this.#firstPacketMs = undefined
  }

  /**
   * Adds the current stats.
   *
   * @param {PictureStats | undefined} stats
   * @param {number} nowMs
   */
  take(stats, nowMs) {
    const { packetsReceived = 0, framesReceived = 0 } = stats ?? {}
    const { framesDecoded = 0 } = stats ?? {}
    if (packetsReceived > this.#packets) {
      this.#firstPacketMs ??= nowMs
      this.#packetMs = nowMs
    }
    if (framesReceived > this.#received) this.#whole = true
    if (framesDecoded > this.#decoded) {
      this.#firstPacketMs ??= nowMs
      this.#pulse.beat(nowMs)
    }
    this.#packets = packetsReceived
    this.#received = framesReceived
    this.#decoded = framesDecoded
  }

  /**
   * @param {number} nowMs
   * @returns {PictureState}
   */
  state(nowMs) {
    if (this.#firstPacketMs === undefined) return { at: 'none' }
    if (!this.#pulse.began) {
      const forMs = nowMs - this.#firstPacketMs
      return { at: 'undecoded', forMs, whole: this.#whole }
    }
    if (this.#pulse.isStill(nowMs)) {
      return { at: 'still', arrives: nowMs - this.#packetMs < ARRIVING_MS }
    }
    const everyMs = this.#pulse.rhythmMs ?? 0
    return everyMs > SLOW_MS ? { at: 'slow', everyMs } : { at: 'moving' }
  }
}
