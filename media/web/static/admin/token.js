const KEY = 'admin-token'

/** The token of the admin API, kept for this tab; '' for none. */
export function keptToken() {
  return sessionStorage.getItem(KEY) ?? ''
}

/** @param {string} token */
export function keepToken(token) {
  sessionStorage.setItem(KEY, token.trim())
}
