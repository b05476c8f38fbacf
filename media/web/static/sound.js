import { Pulse } from './pulse.js'

/** Of what is played, so much at least must have arrived to be heard. */
const LEAST_HEARD = 0.05
/** Sound that is gone for no longer is worth no word: it may come in bursts. */
const PAUSE_MS = 6_000
/** Packets that give no sound for so long give none. */
const SILENT_MS = 5_000

/**
 * What getStats says of received audio.
 *
 * @typedef {object} SoundStats
 * @property {number} [packetsReceived]
 * @property {number} [totalSamplesReceived] played, made up ones too
 * @property {number} [concealedSamples] made up, since nothing was there
 *
 * @typedef {'none' | 'heard' | 'silent'} SoundState `none`: it has not begun
 */

/** How received sound does. */
export class Sound {
  #pulse = new Pulse(PAUSE_MS)
  #packets = 0
  #played = 0
  #concealed = 0
  /** @type {number | undefined} */
  #firstPacketMs

  /** The connection is back: what came before it says nothing any more. */
  restart() {
    this.#pulse = new Pulse(PAUSE_MS)
    this.#firstPacketMs = undefined
  }

  /**
   * Takes what getStats says now.
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
    // Where nothing is played, as when the browser pauses, packets must do.
    const heard =
      played > 0 ? played - concealed > LEAST_HEARD * played : packets > 0
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
