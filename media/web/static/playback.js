import { withFault } from './play-words.js'
import { Reception } from './reception.js'
import { StatusPoll } from './status-poll.js'
import { Viewer } from './viewer.js'
import { Refused } from './whep-client.js'
import { verdictOn } from './words.js'

/** Time for a lost connection to recover before ICE is restarted. */
const RECOVERY_TIMEOUT_MS = 2_000
/** Timeout of an ICE restart. */
const RESTART_TIMEOUT_MS = 5_000
/** Delays between attempts; the last one repeats. */
const RETRY_MS = [1_000, 2_000, 4_000, 8_000, 15_000]

/**
 * @typedef {import('./viewer.js').Kind} Kind
 *
 * @typedef {'starting' | 'connected' | 'playing' | 'paused' | 'still'
 *   | 'degraded' | 'failed'} State as the page shows it
 *
 * @typedef {object} PlaybackOptions
 * @property {URL} url of the WHEP endpoint
 * @property {URL} statusUrl of the stream's status
 * @property {string} streamId
 * @property {HTMLVideoElement} video
 * @property {() => string} token '' for none
 * @property {(state: State, words: string) => void} show
 * @property {() => void} onTokenRefused playback then waits for `start`
 */

/**
 * The state of the player. A phase that waits owns its timer.
 *
 * @typedef {{ at: 'idle' }
 *   | { at: 'opening', viewer: Viewer }
 *   | { at: 'connected', viewer: Viewer }
 *   | { at: 'lost', viewer: Viewer, timer?: number }
 *   | { at: 'waiting', timer: number, asks: boolean }} Phase `asks`:
 *   the status of the stream may explain the failure
 */

/** Plays a stream and reconnects after failures; one session at a time. */
export class Playback {
  #options
  /** @type {Phase} */
  #phase = { at: 'idle' }
  #attempts = 0
  /** @type {readonly Kind[]} */
  #kinds = ['video', 'audio']
  /** Shown while a kind is left out. */
  #notice = ''
  #reception = new Reception()
  #poll
  /** The state shown, without the server's fault. */
  #shown = { state: /** @type {State} */ ('starting'), words: '' }
  /** Settles once all earlier sessions have ended at the server. */
  #left = Promise.resolve()

  /** @param {PlaybackOptions} options */
  constructor(options) {
    this.#options = options
    this.#poll = new StatusPoll({
      url: options.statusUrl,
      token: options.token,
      onNews: () => {
        if (this.#phase.at === 'connected') this.#judge()
        else if (this.#phase.at === 'opening') this.#showStart()
        else this.#render()
      },
    })
  }

  /** Starts from the beginning, as after loading the page. */
  start() {
    this.#attempts = 0
    this.#kinds = ['video', 'audio']
    this.#notice = ''
    this.#open()
  }

  /** Ends the session; `start` opens another. Idempotent. */
  stop() {
    this.#enter({ at: 'idle' })
    this.#options.video.srcObject = null
  }

  /**
   * Checks picture and sound, whatever the state of the connection. Call it
   * about once a second.
   *
   * @returns the stats of the picture
   */
  async look() {
    const viewer = this.#viewer
    const stats = await viewer?.stats()
    if (viewer === undefined || viewer !== this.#viewer) return undefined
    this.#reception.take(stats ?? {})
    if (this.#phase.at === 'connected') this.#judge()
    return stats?.video
  }

  get #viewer() {
    return 'viewer' in this.#phase ? this.#phase.viewer : undefined
  }

  /** @param {Phase} phase */
  #enter(phase) {
    const old = this.#phase
    if ('timer' in old) clearTimeout(old.timer)
    this.#phase = phase
    const { at } = phase
    const asks = at === 'waiting' ? phase.asks : at !== 'idle'
    // What a viewer sees now is judged by a status of now.
    if (!asks || (old.at === 'opening' && at === 'connected')) this.#poll.stop()
    if (asks) this.#poll.start()
    if ('viewer' in old && old.viewer !== this.#viewer) {
      const closed = old.viewer.close()
      this.#left = this.#left.then(() => closed)
    }
  }

  #open() {
    this.stop()
    this.#show('starting', 'Connecting to the stream.')
    this.#reception = new Reception()
    const media = new MediaStream()
    const { url, token } = this.#options
    const viewer = new Viewer({
      url,
      token: token(),
      kinds: this.#kinds,
      onTrack: track => {
        media.addTrack(track)
      },
      onState: state => {
        if (viewer === this.#viewer) this.#onConnection(viewer, state)
      },
    })
    this.#enter({ at: 'opening', viewer })
    const opened = this.#left.then(() => viewer.open())
    opened.then(
      () => {
        if (viewer === this.#viewer) this.#play(media)
      },
      (/** @type {unknown} */ error) => {
        if (viewer === this.#viewer) this.#onRefused(error)
      },
    )
  }

  /** While the server has not answered, the stream may be starting on demand. */
  #showStart() {
    const state = this.#poll.latest?.state
    if (state === 'asleep' || state === 'starting') {
      this.#show('starting', 'Starting the camera…')
    } else if (state !== 'live') this.#render()
  }

  /** @param {MediaStream} media */
  #play(media) {
    const { video } = this.#options
    video.srcObject = media
    // A browser may require a gesture: it then stays paused, and we show that.
    video.play().catch(() => undefined)
  }

  /**
   * @param {Viewer} viewer
   * @param {RTCPeerConnectionState} state
   */
  #onConnection(viewer, state) {
    switch (state) {
      case 'connected':
        this.#reception.connected()
        this.#enter({ at: 'connected', viewer })
        this.#show('connected', 'Connected, waiting for the first picture.')
        return
      case 'disconnected':
        this.#onLost(viewer)
        return
      case 'closed':
        this.#retry('failed', 'The server ended this view.')
        return
      case 'failed':
        this.#retry(
          'failed',
          this.#phase.at === 'opening'
            ? 'Could not connect: UDP to the server may be blocked.'
            : 'The connection was lost.',
        )
        return
      case 'new':
      case 'connecting':
    }
  }

  /** @param {Viewer} viewer */
  #onLost(viewer) {
    const timer = setTimeout(
      () => void this.#restart(viewer),
      RECOVERY_TIMEOUT_MS,
    )
    this.#enter({ at: 'lost', viewer, timer })
    this.#show('starting', 'The connection was lost; reconnecting.')
  }

  /** @param {Viewer} viewer */
  async #restart(viewer) {
    /** @type {Phase} */
    const phase = { at: 'lost', viewer }
    this.#enter(phase)
    try {
      await viewer.restart()
    } catch {
      // For example, the server has ended the session meanwhile.
      if (this.#phase === phase) this.#open()
      return
    }
    // It may have recovered or ended meanwhile.
    if (this.#phase !== phase) return
    phase.timer = setTimeout(() => {
      this.#retry('failed', 'The connection did not come back.')
    }, RESTART_TIMEOUT_MS)
  }

  #judge() {
    // Do not show "playing" before the first status, which may report a fault.
    if (!this.#poll.asked) return
    const { video } = this.#options
    const perceived = this.#reception.words(video, this.#poll.latest)
    if (perceived === undefined) return
    const { state, words } = perceived
    if (state === 'failed') this.#retry(state, words, { asks: true })
    else this.#show(state, words)
    if (state === 'playing') this.#attempts = 0
  }

  /** @param {unknown} error */
  #onRefused(error) {
    const status = error instanceof Refused ? error.status : undefined
    if (status === 401) {
      this.stop()
      this.#show(
        'failed',
        this.#options.token() === ''
          ? 'This stream wants a viewer token.'
          : 'The server does not accept this viewer token.',
      )
      this.#options.onTokenRefused()
    } else if (error instanceof Refused && status === 406) {
      this.#onMismatch(error.problem)
    } else {
      const verdict = verdictOn(error, this.#options.streamId)
      this.#retry(verdict.state, verdict.words, verdict)
    }
  }

  /**
   * Plays the other kind if the browser cannot decode one.
   *
   * @param {import('./whep-client.js').ProblemBody} problem
   */
  #onMismatch({ kinds: missing = [], detail = '' }) {
    const left = this.#kinds.filter(kind => !missing.includes(kind))
    this.#notice = `This browser cannot play the ${missing.join(' and ')}: ${detail}.`
    if (left.length === 0 || left.length === this.#kinds.length) {
      this.stop()
      this.#show('failed', '')
      return
    }
    this.#kinds = left
    this.#open()
  }

  /**
   * Ends this session, shows why, and opens another after a delay.
   *
   * @param {State} state
   * @param {string} words
   * @param {object} [how]
   * @param {number} [how.waitMs] minimum delay
   * @param {boolean} [how.asks] the status of the stream may explain it
   */
  #retry(state, words, { waitMs = 0, asks = false } = {}) {
    const backoffMs = RETRY_MS[Math.min(this.#attempts, RETRY_MS.length - 1)]
    this.#attempts++
    const ms = Math.max(waitMs, backoffMs ?? 0)
    const timer = setTimeout(() => {
      this.#open()
    }, ms)
    this.#enter({ at: 'waiting', timer, asks })
    this.#options.video.srcObject = null
    const seconds = Math.ceil(ms / 1000)
    this.#show(state, `${words} Trying again in ${seconds} s.`)
  }

  /**
   * @param {State} state
   * @param {string} words
   */
  #show(state, words) {
    this.#shown = { state, words }
    this.#render()
  }

  /** Shows the state, with the server's fault and the notice. */
  #render() {
    const { state, words } = withFault(this.#shown, this.#poll.latest)
    this.#options.show(state, [words, this.#notice].filter(Boolean).join(' '))
  }
}
