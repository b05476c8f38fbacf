import { Playback } from '../playback.js'
import { button, element, setText } from './element.js'

const LOOK_MS = 1_000
/** The same key as on the player page. */
const TOKEN = 'whep-token'

/**
 * Plays the stream as the player page does. It counts as a viewer, so it starts
 * by itself only if the stream is live: it must not wake a camera.
 */
export class Preview {
  element = element('div', { class: 'preview' })
  #video = element('video', {
    autoplay: true,
    muted: true,
    playsinline: true,
    controls: true,
    'aria-label': 'Preview',
  })
  #words = element('p', { role: 'status', class: 'words' })
  #toggle
  #access = element('form', { hidden: true, class: 'field' })
  #token = element('input', {
    id: 'viewer-token',
    type: 'password',
    autocomplete: 'off',
    required: true,
  })
  #playback
  #isPlaying = false
  /** Whether the operator ended it, so that it does not start by itself. */
  #isUnwanted = false
  /** @type {number | undefined} */
  #timer

  /** @param {string} id of the stream */
  constructor(id) {
    const path = encodeURIComponent(id)
    this.#video.muted = true
    this.#toggle = button('Start preview', () => {
      this.#isUnwanted = this.#isPlaying
      if (this.#isPlaying) this.close()
      else this.#start()
    })
    this.#access.append(
      element('label', { for: 'viewer-token' }, ['Viewer token']),
      this.#token,
      element('button', {}, ['Use token']),
    )
    this.#access.addEventListener('submit', event => {
      event.preventDefault()
      sessionStorage.setItem(TOKEN, this.#token.value.trim())
      this.#access.hidden = true
      this.#start()
    })
    this.#playback = new Playback({
      url: new URL(`../api/v3/whep/${path}`, location.href),
      statusUrl: new URL(`../player/${path}/status`, location.href),
      streamId: id,
      video: this.#video,
      token: () => sessionStorage.getItem(TOKEN) ?? '',
      show: (state, words) => {
        this.element.dataset['state'] = state
        setText(this.#words, words)
      },
      onTokenRefused: () => {
        this.#access.hidden = false
      },
    })
    const controls = element('p', {}, [this.#toggle])
    this.element.append(this.#video, this.#words, this.#access, controls)
  }

  /** @param {import('./overview.js').StreamState} state */
  show(state) {
    if (state === 'live' && !this.#isPlaying && !this.#isUnwanted) this.#start()
  }

  /** Ends the session. Idempotent. */
  close() {
    clearTimeout(this.#timer)
    this.#isPlaying = false
    this.#playback.stop()
    delete this.element.dataset['state']
    setText(this.#words, '')
    setText(this.#toggle, 'Start preview')
  }

  #start() {
    this.close()
    this.#isPlaying = true
    setText(this.#toggle, 'End preview')
    this.#playback.start()
    this.#look()
  }

  #look() {
    this.#timer = setTimeout(() => {
      void this.#playback.look().finally(() => {
        if (this.#isPlaying) this.#look()
      })
    }, LOOK_MS)
  }
}
