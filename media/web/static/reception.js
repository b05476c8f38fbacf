import { Picture } from './picture.js'
import { wordsOnPlay } from './play-words.js'
import { Sound } from './sound.js'

/**
 * @typedef {import('./play-words.js').PlayWords} PlayWords
 *
 * @typedef {import('./status-poll.js').ServerStatus} ServerStatus
 */

/** What a viewer sees and hears of one view. */
export class Reception {
  #picture = new Picture()
  #sound = new Sound()
  #connectedMs = 0

  /** The connection is up, or up again: from here on something should come. */
  connected() {
    this.#picture.restart()
    this.#sound.restart()
    this.#connectedMs = performance.now()
  }

  /** @param {import('./viewer.js').Inbound} inbound as getStats says now */
  take({ video, audio }) {
    const nowMs = performance.now()
    this.#picture.take(video, nowMs)
    this.#sound.take(audio, nowMs)
  }

  /**
   * What there is to say of it.
   *
   * @param {HTMLVideoElement} video that plays it
   * @param {ServerStatus | undefined} status
   * @returns {PlayWords | undefined} undefined: it is not known what to expect
   */
  words({ srcObject, paused }, status) {
    if (!(srcObject instanceof MediaStream)) return undefined
    const nowMs = performance.now()
    const { video, audio } = status?.legs ?? {}
    return wordsOnPlay({
      picture:
        srcObject.getVideoTracks().length > 0
          ? this.#picture.state(nowMs)
          : undefined,
      sound:
        srcObject.getAudioTracks().length > 0
          ? this.#sound.state(nowMs)
          : undefined,
      legs: { video: video?.state, audio: audio?.state },
      paused,
      waitedMs: nowMs - this.#connectedMs,
    })
  }
}
