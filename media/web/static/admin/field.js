import { element, setText } from './element.js'

/**
 * @typedef {HTMLInputElement | HTMLSelectElement | HTMLTextAreaElement} Control
 */

/**
 * A control with its label, and an error that screen readers read with it.
 *
 * @template {Control} Type
 */
export class Field {
  element
  #error

  /**
   * @param {string} name also the id of the control
   * @param {string} label
   * @param {Type} control
   * @param {string} [help]
   */
  constructor(name, label, control, help = '') {
    this.control = control
    control.id = name
    control.name = name
    const hint = element('span', { id: `${name}-help`, class: 'quiet' }, [help])
    hint.hidden = help === ''
    this.#error = element('span', { id: `${name}-error`, class: 'error' })
    control.setAttribute('aria-describedby', `${hint.id} ${this.#error.id}`)
    const caption = element('label', { for: name }, [label])
    const isBox = control instanceof HTMLInputElement && isCheckbox(control)
    this.element = element('div', { class: isBox ? 'field box' : 'field' }, [
      ...(isBox ? [control, caption] : [caption, control]),
      hint,
      this.#error,
    ])
  }

  /** @param {string} message '' for none */
  showError(message) {
    setText(this.#error, message)
    if (message === '') this.control.removeAttribute('aria-invalid')
    else this.control.setAttribute('aria-invalid', 'true')
  }
}

/**
 * @param {string} name
 * @param {string} label
 * @param {string} [help]
 */
export function textField(name, label, help) {
  const control = element('input', {
    autocomplete: 'off',
    autocapitalize: 'off',
    spellcheck: 'false',
  })
  return new Field(name, label, control, help)
}

/**
 * A number, as text: the API says what is wrong with it.
 *
 * @param {string} name
 * @param {string} label
 * @param {string} [help]
 */
export function numberField(name, label, help) {
  const control = element('input', {
    inputmode: 'decimal',
    autocomplete: 'off',
  })
  return new Field(name, label, control, help)
}

/**
 * @param {string} name
 * @param {string} label
 * @param {string} [help]
 */
export function checkField(name, label, help) {
  return new Field(name, label, element('input', { type: 'checkbox' }), help)
}

/**
 * @param {string} name
 * @param {string} label
 * @param {Readonly<Record<string, string>>} options labels by value
 * @param {string} [help]
 */
export function selectField(name, label, options, help) {
  const items = Object.entries(options).map(([value, text]) =>
    element('option', { value }, [text]),
  )
  return new Field(name, label, element('select', {}, items), help)
}

/**
 * Selects a value, and adds it as an option if there is none: a value that
 * the form does not know must not change.
 *
 * @param {HTMLSelectElement} control
 * @param {string} value
 */
export function select(control, value) {
  const values = [...control.options].map(option => option.value)
  if (!values.includes(value)) {
    control.append(element('option', { value }, [value]))
  }
  control.value = value
}

/** @param {HTMLInputElement} control */
function isCheckbox(control) {
  return control.type === 'checkbox'
}
