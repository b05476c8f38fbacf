/**
 * What the page shows, from the part of its URL after `#`.
 *
 * @typedef {{ at: 'list' }
 *   | { at: 'add' }
 *   | { at: 'stream', id: string }
 *   | { at: 'edit', id: string }} Route
 */

/**
 * Reads a hash; anything unknown is the list.
 *
 * @param {string} hash such as `#/stream/door`
 * @returns {Route}
 */
export function routeOf(hash) {
  const [, at = '', encoded = ''] = hash.replace(/^#/, '').split('/')
  if (at === 'add') return { at }
  const id = decoded(encoded)
  if ((at === 'stream' || at === 'edit') && id !== '') return { at, id }
  return { at: 'list' }
}

/**
 * @param {Route} route
 * @returns {string} the hash, for links
 */
export function hashOf(route) {
  if (route.at === 'list') return '#/'
  if (route.at === 'add') return '#/add'
  return `#/${route.at}/${encodeURIComponent(route.id)}`
}

/**
 * Decodes a part of a URL; returns '' if it is malformed.
 *
 * @param {string} part
 */
function decoded(part) {
  try {
    return decodeURIComponent(part)
  } catch {
    return ''
  }
}
