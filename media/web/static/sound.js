import { Pulse } from './pulse.js'

/** Minimum share of real samples among those played, to count as heard. */
const MIN_HEARD = 0.05
/** A shorter pause is not reported, because sound may arrive in bursts. */
const PAUSE_MS = 6_000
/** Packets without decoded sound for this long count as silent. */
const SILENT_MS = 5_000

/**
 * The part of getStats about received audio.
 *
 * @typedef {object} SoundStats
 * @property {number} [packetsReceived]
 * @property {number} [totalSamplesReceived] played, including concealed ones
 * @property {number} [concealedSamples] made up for missing packets
 *
 * @typedef {'none' | 'heard' | 'silent'} SoundState `none`: not started yet
 */

/** The state of the received sound, from a series of getStats. */
export class Sound {
  #pulse = new Pulse(PAUSE_MS)
  #packets = 0
  #played = 0
  #concealed = 0
  /** @type {number | undefined} */
  #firstPacketMs

  /** Forgets everything received before the reconnect. */
  restart() {
    this.#pulse = new Pulse(PAUSE_MS)
    this.#firstPacketMs = undefined
  }

  /**
   * Adds the current stats.
   *
   * @param {SoundStats | undefined} stats
   * @param {number} nowMs
   */
  take(stats, nowMs) {
    const { packetsReceived = 0, totalSamplesReceived = 0 } = stats ?? {}
    const { concealedSamples = 0 } = stats ?? {}
    const packets = packetsReceived - this.#packets
    const played = totalSamplesReceived - this.#played
    const concealed = concealedSamples - this.#concealed
    if (packets > 0) this.#firstPacketMs ??= nowMs
    // If nothing is played, as when the browser pauses, count packets instead.
    const heard =
      played > 0 ? played - concealed > MIN_HEARD * played : packets > 0
    if (heard && this.#firstPacketMs !== undefined) this.#pulse.beat(nowMs)
    this.#packets = packetsReceived
    this.#played = totalSamplesReceived
    this.#concealed = concealedSamples
  }

  /**
   * @param {number} nowMs
   * @returns {SoundState}
   */
  state(nowMs) {
    if (this.#firstPacketMs === undefined) return 'none'
    if (this.#pulse.began)
      return this.#pulse.isStill(nowMs) ? 'silent' : 'heard'
    return nowMs - this.#firstPacketMs > SILENT_MS ? 'silent' : 'none'
  }
}
