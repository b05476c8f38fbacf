import { keptToken } from './admin/token.js'

const LOOPBACK = /^(?:localhost|127(?:\.\d+){3}|\[::1\])$/

/**
 * Shows a link to the operator's page to those who may use it: the admin API
 * accepts the token that is kept for this tab, or a browser on the same
 * machine. Nobody else makes a request.
 *
 * @param {HTMLElement} link hidden so far
 * @param {URL} base of the pages
 */
export async function showAdminLink(link, base) {
  const token = keptToken()
  if (token === '' && !LOOPBACK.test(location.hostname)) return
  try {
    const response = await fetch(new URL('api/v3/webrtc/streams', base), {
      method: 'HEAD',
      headers: token === '' ? {} : { Authorization: `Bearer ${token}` },
    })
    link.hidden = !response.ok
  } catch {
    // The page says by other means that the server is away.
  }
}
