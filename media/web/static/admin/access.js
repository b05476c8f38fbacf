import { find } from '../find.js'
import { keepToken, keptToken } from './token.js'

/** Asks for the admin token, in place of the views. */
export class Access {
  #place = find('#access', HTMLElement)
  #refused = find('#refused', HTMLElement)
  #form = find('#token-form', HTMLFormElement)
  #input = find('#token', HTMLInputElement)
  #again = find('#ask-again', HTMLButtonElement)

  /** @param {() => void} onRetry the operator wants to try again */
  constructor(onRetry) {
    const retry = () => {
      this.#place.hidden = true
      onRetry()
    }
    this.#form.addEventListener('submit', event => {
      event.preventDefault()
      keepToken(this.#input.value)
      this.#input.value = ''
      retry()
    })
    this.#again.addEventListener('click', retry)
  }

  /**
   * Says why there is no access, and asks for a token if one would help.
   *
   * @param {import('./api.js').ApiError} error
   */
  ask(error) {
    const wantsToken = error.status === 401
    this.#place.hidden = false
    this.#form.hidden = !wantsToken
    this.#again.hidden = wantsToken
    this.#refused.textContent = wantsToken
      ? tokenWords()
      : 'Only browsers on the same machine have access, because ' +
        'CORE_API_TOKEN is not set. Set it to use this page from elsewhere.'
    if (wantsToken) this.#input.focus()
  }
}

function tokenWords() {
  return keptToken() === ''
    ? 'This server requires its admin token.'
    : 'The server does not accept this token.'
}
