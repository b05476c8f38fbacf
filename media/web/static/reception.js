import { Picture } from './picture.js'
import { wordsOnPlay } from './play-words.js'
import { Sound } from './sound.js'

/**
 * @typedef {import('./play-words.js').PlayWords} PlayWords
 *
 * @typedef {import('./status-poll.js').ServerStatus} ServerStatus
 */

/** The state of the received picture and sound. */
export class Reception {
  #picture = new Picture()
  #sound = new Sound()
  #connectedMs = 0

  /** The connection is up, for the first time or again: media is expected. */
  connected() {
    this.#picture.restart()
    this.#sound.restart()
    this.#connectedMs = performance.now()
  }

  /** @param {import('./viewer.js').Inbound} inbound the current stats */
  take({ video, audio }) {
    const nowMs = performance.now()
    this.#picture.take(video, nowMs)
    this.#sound.take(audio, nowMs)
  }

  /**
   * The state to show and a message about it.
   *
   * @param {HTMLVideoElement} video the element that plays it
   * @param {ServerStatus | undefined} status
   * @returns {PlayWords | undefined} undefined before the stream's tracks are known
   */
  words({ srcObject, videoWidth, paused }, status) {
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
      shown: videoWidth > 0,
      paused,
      waitedMs: nowMs - this.#connectedMs,
    })
  }
}
