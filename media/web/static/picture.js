import { Pulse } from './pulse.js'

/** Packets that came so lately are still coming. */
const ARRIVING_MS = 3_000
/** A picture that stands still for no longer is worth no word. */
const STILL_MS = 4_000
/** A rhythm above this is worth a word. */
const SLOW_MS = 4_000

/**
 * What getStats says of received video.
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
 *   | { at: 'still', arrives: boolean }} PictureState `none`: nothing arrived;
 *   `undecoded`: packets or whole frames arrive, none of which was decoded
 */

/** How a received picture does. */
export class Picture {
  #pulse = new Pulse(STILL_MS)
  #packets = 0
  #received = 0
  #decoded = 0
  #whole = false
  /** @type {number | undefined} */
  #firstPacketMs
  #packetMs = 0

  /** The connection is back: what came before it says nothing any more. */
  restart() {
    this.#pulse = new Pulse(STILL_MS)
    this.#whole = false
    this.#firstPacketMs = undefined
  }

  /**
   * Takes what getStats says now.
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
