import { button, element } from './element.js'

let count = 0

/** A link that can be copied, also where the page has no secure context. */
export class LinkField {
  element = element('div', { class: 'field' })
  #input
  #done = element('span', { role: 'status' })

  /**
   * @param {string} label
   * @param {string} path relative to the page
   */
  constructor(label, path) {
    const id = `link-${++count}`
    const { href } = new URL(path, location.href)
    this.#input = element('input', { id, readonly: true, value: href })
    this.element.append(
      element('label', { for: id }, [label]),
      element('span', { class: 'row' }, [
        this.#input,
        button('Copy', () => this.#copy()),
      ]),
      this.#done,
    )
  }

  async #copy() {
    this.#input.select()
    // Only HTTPS and localhost have a clipboard; elsewhere it stays selected.
    const clipboard = /** @type {Clipboard | undefined} */ (navigator.clipboard)
    try {
      if (clipboard === undefined) throw new Error('no secure context')
      await clipboard.writeText(this.#input.value)
      this.#done.textContent = 'Copied.'
    } catch {
      this.#done.textContent = 'Selected: press Ctrl+C or use the menu.'
    }
  }
}
