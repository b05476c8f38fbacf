/**
 * Creates an element. Texts become text nodes, so nothing in them runs.
 *
 * @template {keyof HTMLElementTagNameMap} Tag
 * @param {Tag} tag
 * @param {Readonly<Record<string, string | boolean>>} [attributes] `false`:
 *   left out
 * @param {readonly (Node | string)[]} [children]
 * @returns {HTMLElementTagNameMap[Tag]}
 */
export function element(tag, attributes = {}, children = []) {
  const created = document.createElement(tag)
  for (const [name, value] of Object.entries(attributes)) {
    if (value !== false) created.setAttribute(name, value === true ? '' : value)
  }
  created.append(...children)
  return created
}

/**
 * Creates a button that runs once at a time; it is marked busy until then, and
 * keeps the focus.
 *
 * @param {string} label
 * @param {() => Promise<void> | void} act handles its errors
 */
export function button(label, act) {
  const created = element('button', { type: 'button' }, [label])
  created.addEventListener('click', () => {
    if (created.getAttribute('aria-disabled') === 'true') return
    created.setAttribute('aria-disabled', 'true')
    void Promise.resolve(act()).finally(() => {
      created.removeAttribute('aria-disabled')
    })
  })
  return created
}

/**
 * Sets a text unless it is the same: a screen reader would repeat it, and a
 * selection in it would be lost.
 *
 * @param {Element} target
 * @param {string} text
 */
export function setText(target, text) {
  if (target.textContent !== text) target.textContent = text
}

/**
 * Puts `nodes` into `parent` in this order, and removes all others. Moves as
 * few as possible; the focus stays.
 *
 * @param {Element} parent
 * @param {readonly Element[]} nodes
 */
export function arrange(parent, nodes) {
  const focused = document.activeElement
  const kept = new Set(nodes)
  for (const child of [...parent.children]) {
    if (!kept.has(child)) child.remove()
  }
  let next = parent.firstElementChild
  for (const node of nodes) {
    if (node === next) next = next.nextElementSibling
    else parent.insertBefore(node, next)
  }
  const isLost = focused !== null && focused !== document.activeElement
  if (isLost && focused instanceof HTMLElement && focused.isConnected) {
    focused.focus({ preventScroll: true })
  }
}
