import { ApiError, errorWords } from './api.js'
import { button, element, setText } from './element.js'
import { Field } from './field.js'
import { FormFields } from './form-fields.js'
import { errorsByField } from './form-errors.js'
import {
  configOf,
  inputOf,
  NEW_STREAM,
  valuesOf,
  whyOnlyJson,
} from './form-model.js'
import { hashOf } from './route.js'
import { TryIt } from './try-it.js'

/** @typedef {import('./form-model.js').Json} Json */

/** Adds a stream, or edits one: as a form or as JSON. */
export class FormView {
  element = element('section')
  #api
  /** @type {string | undefined} */
  #id
  /** @type {FormFields} */
  #fields
  #json = new Field(
    'json',
    'Process as JSON',
    element('textarea', { rows: '24', spellcheck: 'false' }),
    'All keys of upstream Core’s process, and webrtc.',
  )
  #form = element('form', { novalidate: true })
  #plain = element('div')
  #problem = element('p', { role: 'alert', class: 'error' })
  #mode
  #isJson = false
  /**
   * The configuration, as far as the form does not show it; undefined until it
   * is loaded.
   *
   * @type {Json | undefined}
   */
  #config

  /**
   * @param {import('./api.js').Api} api
   * @param {string} [id] of the stream to edit
   */
  constructor(api, id) {
    this.title = id === undefined ? 'Add a stream' : `Edit ${id}`
    this.#api = api
    this.#id = id
    this.#mode = button('As JSON', () => {
      this.#switch()
    })
    const tryIt = new TryIt({
      api,
      trial: () => {
        const { values } = this.#fields
        const loop = values.kind === 'file' && values.loop
        return { input: inputOf(values, this.#config ?? {}), loop }
      },
      onChoose: codecs => {
        this.#fields.chooseCodecs(codecs)
      },
    })
    this.#fields = new FormFields(id === undefined, tryIt.element)
    this.#plain.append(this.#fields.element)
    this.#json.element.hidden = true
    this.#form.hidden = true
    this.#form.append(
      element('p', {}, [this.#mode]),
      this.#plain,
      this.#json.element,
      this.#problem,
      element('p', { class: 'actions' }, [
        element('button', {}, [id === undefined ? 'Add' : 'Save']),
        element(
          'a',
          {
            class: 'button',
            href: hashOf(
              id === undefined ? { at: 'list' } : { at: 'stream', id },
            ),
          },
          ['Cancel'],
        ),
      ]),
    )
    this.#form.addEventListener('submit', event => {
      event.preventDefault()
      void this.#save()
    })
    this.element.append(
      element('h1', { tabindex: '-1' }, [this.title]),
      this.#form,
    )
  }

  /** Loads the configuration to edit, once. */
  open() {
    if (this.#config !== undefined) return
    if (this.#id === undefined) {
      this.#config = {}
      this.#fields.values = NEW_STREAM
      this.#form.hidden = false
    } else {
      void this.#load(this.#id)
    }
  }

  show() {
    // It shows nothing of the overview.
  }

  close() {
    // Nothing to end: what was typed stays.
  }

  /** @param {string} id */
  async #load(id) {
    try {
      const path = `process/${encodeURIComponent(id)}/config`
      const config = /** @type {Json} */ (await this.#api.call('GET', path))
      this.#config = config
      this.#fields.values = valuesOf(config)
      this.#form.hidden = false
      if (whyOnlyJson(config) !== undefined) this.#switch()
    } catch (error) {
      this.element.append(element('p', { role: 'alert' }, [errorWords(error)]))
    }
  }

  /** From the form to JSON and back. Both have the same configuration. */
  #switch() {
    const { control } = this.#json
    this.#clearErrors()
    if (this.#isJson) {
      const config = this.#readJson()
      if (config === undefined) return
      const reason = whyOnlyJson(config)
      if (reason !== undefined) {
        setText(this.#problem, reason)
        return
      }
      this.#config = config
      this.#fields.values = valuesOf(config)
    } else {
      const config = this.#config ?? {}
      const isForm = whyOnlyJson(config) === undefined
      const shown = isForm ? configOf(this.#fields.values, config) : config
      control.value = JSON.stringify(shown, null, 2)
    }
    this.#isJson = !this.#isJson
    this.#plain.hidden = this.#isJson
    this.#json.element.hidden = !this.#isJson
    setText(this.#mode, this.#isJson ? 'As a form' : 'As JSON')
  }

  /** @returns {Json | undefined} undefined: an error is shown at the field */
  #readJson() {
    try {
      /** @type {unknown} */
      const config = JSON.parse(this.#json.control.value)
      if (typeof config === 'object' && config !== null) {
        return /** @type {Json} */ (config)
      }
      this.#json.showError('expected an object')
    } catch (error) {
      this.#json.showError(errorWords(error))
    }
    this.#json.control.focus()
    return undefined
  }

  #clearErrors() {
    setText(this.#problem, '')
    this.#json.showError('')
    this.#fields.showErrors(new Map())
  }

  async #save() {
    this.#clearErrors()
    const config = this.#isJson
      ? this.#readJson()
      : configOf(this.#fields.values, this.#config ?? {})
    if (config === undefined) return
    try {
      await this.#send(config)
      const id = String(config['id'])
      location.hash = hashOf({ at: 'stream', id })
    } catch (error) {
      this.#showError(error)
    }
  }

  /** @param {Json} config */
  async #send(config) {
    if (this.#id === undefined) {
      await this.#api.call('POST', 'process', { body: config })
      return
    }
    // Without this, keys that were emptied would keep their values.
    const path = `process/${encodeURIComponent(this.#id)}?replace=true`
    await this.#api.call('PUT', path, { body: config })
  }

  /** @param {unknown} error */
  #showError(error) {
    if (!(error instanceof ApiError) || this.#isJson) {
      setText(this.#problem, errorWords(error))
      return
    }
    const { fields, rest } = errorsByField(error.fields)
    const words = fields.size > 0 ? [error.message, ...rest].join(': ') : ''
    setText(this.#problem, words || errorWords(error))
    this.#fields.showErrors(fields)
  }
}
