/**
 * Returns the page's element for `selector`.
 *
 * @template {Element} Type
 * @param {string} selector
 * @param {new () => Type} type
 * @returns {Type}
 * @throws {TypeError} if there is none, or it has another type
 */
export function find(selector, type) {
  const found = document.querySelector(selector)
  if (found instanceof type) return found
  throw new TypeError(`Cannot find a ${type.name} by ${selector}`)
}
