import { element } from './element.js'
import {
  checkField,
  numberField,
  select,
  selectField,
  textField,
} from './field.js'
import { SOURCE_KINDS } from './source-kinds.js'

/**
 * @typedef {import('./form-model.js').FormValues} FormValues
 *
 * @typedef {import('./form-errors.js').FieldName} FieldName
 */

/** The controls of the form, one per value. */
export class FormFields {
  element = element('div')
  #id = textField('id', 'Id', 'Part of the link for viewers, such as door.')
  #kind = selectField('kind', 'Kind', labelsOf(SOURCE_KINDS))
  #address = textField('address', 'Address')
  #transport = selectField('transport', 'RTSP over', {
    tcp: 'TCP (loses nothing)',
    udp: 'UDP',
    '': 'FFmpeg decides',
  })
  #loop = checkField('loop', 'Start the file again at its end')
  #videoCodec = selectField(
    'videoCodec',
    'Video',
    {
      h264: 'H264, encoded',
      vp8: 'VP8, encoded',
      copy: 'Copy of the source, H264 only',
      none: 'None',
    },
    'A copy needs almost no CPU. Try it out to see whether it plays.',
  )
  #bitrate = numberField(
    'bitrate',
    'Video bitrate, kbit/s',
    'Empty: 1500 for H264, 1000 for VP8.',
  )
  #height = numberField(
    'height',
    'Maximum height, lines',
    'Empty: that of the source.',
  )
  #audioCodec = selectField('audioCodec', 'Sound', {
    opus: 'Opus, encoded',
    copy: 'Copy of the source, Opus only',
    none: 'None',
  })
  #reconnect = checkField('reconnect', 'Connect again after a failure')
  #delay = numberField('delay', 'Delay before that, seconds')
  #onDemand = checkField(
    'onDemand',
    'On demand',
    'FFmpeg runs only while somebody watches.',
  )
  #idle = numberField('idle', 'Stop after seconds without viewers')

  /**
   * @param {boolean} isNew the id of an existing stream cannot change
   * @param {HTMLElement} trial shown below the source
   */
  constructor(isNew, trial) {
    this.#id.control.readOnly = !isNew
    this.element.append(
      this.#id.element,
      group('Source', [
        this.#kind,
        this.#address,
        this.#transport,
        this.#loop,
        { element: trial },
      ]),
      group('Picture and sound', [
        this.#videoCodec,
        this.#bitrate,
        this.#height,
        this.#audioCodec,
      ]),
      group('Operation', [
        this.#reconnect,
        this.#delay,
        this.#onDemand,
        this.#idle,
      ]),
    )
    this.element.addEventListener('input', () => {
      this.#hideUnused()
    })
  }

  /** The values as typed. @returns {FormValues} */
  get values() {
    return {
      id: this.#id.control.value.trim(),
      kind: /** @type {FormValues['kind']} */ (this.#kind.control.value),
      address: this.#address.control.value,
      transport: this.#transport.control.value,
      loop: this.#loop.control.checked,
      videoCodec: this.#videoCodec.control.value,
      bitrate: this.#bitrate.control.value,
      height: this.#height.control.value,
      audioCodec: this.#audioCodec.control.value,
      reconnect: this.#reconnect.control.checked,
      delay: this.#delay.control.value,
      onDemand: this.#onDemand.control.checked,
      idle: this.#idle.control.value,
    }
  }

  /** @param {FormValues} values */
  set values(values) {
    this.#id.control.value = values.id
    select(this.#kind.control, values.kind)
    this.#address.control.value = values.address
    select(this.#transport.control, values.transport)
    this.#loop.control.checked = values.loop
    select(this.#videoCodec.control, values.videoCodec)
    this.#bitrate.control.value = values.bitrate
    this.#height.control.value = values.height
    select(this.#audioCodec.control, values.audioCodec)
    this.#reconnect.control.checked = values.reconnect
    this.#delay.control.value = values.delay
    this.#onDemand.control.checked = values.onDemand
    this.#idle.control.value = values.idle
    this.#hideUnused()
  }

  /**
   * Selects codecs, as the advice after a probe says.
   *
   * @param {{ video: string, audio: string }} codecs
   */
  chooseCodecs({ video, audio }) {
    this.values = { ...this.values, videoCodec: video, audioCodec: audio }
  }

  /**
   * Shows each error at its field, and moves the focus to the first.
   *
   * @param {ReadonlyMap<FieldName, string>} errors
   */
  showErrors(errors) {
    const fields = this.#fields()
    for (const [name, field] of Object.entries(fields)) {
      const message = errors.get(/** @type {FieldName} */ (name))
      field.showError(message ?? '')
      // It may not be used by this source or codec.
      if (message !== undefined) field.element.hidden = false
    }
    const [first] = Object.entries(fields).flatMap(([name, field]) =>
      errors.has(/** @type {FieldName} */ (name)) ? [field] : [],
    )
    first?.control.focus()
  }

  #fields() {
    return {
      id: this.#id,
      kind: this.#kind,
      address: this.#address,
      transport: this.#transport,
      loop: this.#loop,
      videoCodec: this.#videoCodec,
      bitrate: this.#bitrate,
      height: this.#height,
      audioCodec: this.#audioCodec,
      reconnect: this.#reconnect,
      delay: this.#delay,
      onDemand: this.#onDemand,
      idle: this.#idle,
    }
  }

  #hideUnused() {
    const { kind, videoCodec, reconnect, onDemand } = this.values
    const encodes = videoCodec !== 'copy' && videoCodec !== 'none'
    this.#address.element.hidden = kind === 'test'
    this.#address.control.placeholder = SOURCE_KINDS[kind].example
    this.#transport.element.hidden = kind !== 'rtsp'
    this.#loop.element.hidden = kind !== 'file'
    this.#bitrate.element.hidden = !encodes
    this.#height.element.hidden = !encodes
    this.#delay.element.hidden = !reconnect
    this.#idle.element.hidden = !onDemand
  }
}

/**
 * @param {string} legend
 * @param {readonly { element: HTMLElement }[]} fields
 */
function group(legend, fields) {
  return element('fieldset', {}, [
    element('legend', {}, [legend]),
    ...fields.map(field => field.element),
  ])
}

/** @param {Readonly<Record<string, { label: string }>>} kinds */
function labelsOf(kinds) {
  return Object.fromEntries(
    Object.entries(kinds).map(([kind, { label }]) => [kind, label]),
  )
}
