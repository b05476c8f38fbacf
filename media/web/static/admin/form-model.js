import { kindOf, optionsFor, TEST_PICTURE, valueOf } from './source-kinds.js'

/**
 * The form's values and a process configuration. What the form does not know of
 * a configuration is kept as it is.
 *
 * @typedef {import('./source-kinds.js').SourceKind} SourceKind
 *
 * @typedef {object} FormValues texts as typed; '' leaves the choice to the
 *   server
 * @property {string} id
 * @property {SourceKind} kind
 * @property {string} address
 * @property {string} transport of RTSP: 'tcp', 'udp' or ''
 * @property {boolean} loop
 * @property {string} videoCodec
 * @property {string} bitrate kbit/s
 * @property {string} height lines
 * @property {string} audioCodec
 * @property {boolean} reconnect
 * @property {string} delay seconds
 * @property {boolean} onDemand
 * @property {string} idle seconds
 *
 * @typedef {Readonly<Record<string, unknown>>} Json
 */

/** @type {FormValues} */
export const NEW_STREAM = {
  id: '',
  kind: 'rtsp',
  address: '',
  transport: 'tcp',
  loop: true,
  videoCodec: 'h264',
  bitrate: '',
  height: '',
  audioCodec: 'opus',
  reconnect: true,
  delay: '5',
  onDemand: false,
  idle: '',
}

/**
 * Why a configuration can only be edited as JSON; undefined: the form can.
 *
 * @param {Json} config
 */
export function whyOnlyJson(config) {
  if (objectOf(config['webrtc'])['ingest'] === 'external') {
    return 'This stream has an external sender. Edit it as JSON.'
  }
  return undefined
}

/**
 * The form's values for a configuration.
 *
 * @param {Json} config
 * @returns {FormValues}
 */
export function valuesOf(config) {
  const source = sourceOf(config)
  const webrtc = objectOf(config['webrtc'])
  const video = legOf(webrtc['video'])
  const audio = legOf(webrtc['audio'])
  const loops = valueOf(source.options, '-stream_loop')
  return {
    id: textOf(config['id']),
    kind: kindOf(source),
    address: source.address,
    transport: valueOf(source.options, '-rtsp_transport') ?? '',
    loop: loops !== undefined && loops !== '0',
    videoCodec: textOf(video['codec']) || NEW_STREAM.videoCodec,
    bitrate: textOf(video['bitrate_kbit']),
    height: textOf(video['height']),
    audioCodec: textOf(audio['codec']) || NEW_STREAM.audioCodec,
    reconnect: config['reconnect'] === true,
    delay: textOf(config['reconnect_delay_seconds']),
    onDemand: webrtc['on_demand'] === true,
    idle: textOf(webrtc['idle_seconds']),
  }
}

/**
 * The configuration `before` with the form's values.
 *
 * @param {FormValues} values
 * @param {Json} before `{}` for a new stream
 * @returns {Json}
 */
export function configOf(values, before) {
  const webrtc = objectOf(before['webrtc'])
  const { id, reconnect, delay, onDemand, idle } = values
  const hasOnDemand = onDemand || 'on_demand' in webrtc
  return {
    ...before,
    id,
    input: [inputOf(values, before), ...listOf(before['input']).slice(1)],
    output: before['output'] ?? [],
    reconnect,
    ...numberAt('reconnect_delay_seconds', delay),
    webrtc: {
      ...without(webrtc, ['idle_seconds']),
      enabled: true,
      video: {
        ...without(legOf(webrtc['video']), ['bitrate_kbit', 'height']),
        codec: values.videoCodec,
        ...numberAt('bitrate_kbit', values.bitrate),
        ...numberAt('height', values.height),
      },
      audio: { ...legOf(webrtc['audio']), codec: values.audioCodec },
      // The server takes one only together with the other.
      ...(hasOnDemand && {
        on_demand: onDemand,
        ...numberAt('idle_seconds', idle),
      }),
    },
  }
}

/**
 * The first input, as the form's values have it.
 *
 * @param {FormValues} values
 * @param {Json} before
 * @returns {Json & import('./source-kinds.js').Source}
 */
export function inputOf(values, before) {
  const source = sourceOf(before)
  const { kind } = values
  const address = kind === 'test' ? TEST_PICTURE : values.address.trim()
  return {
    ...objectOf(listOf(before['input'])[0]),
    address,
    options: optionsFor(kind, values, source),
  }
}

/**
 * @param {Json} config
 * @returns {import('./source-kinds.js').Source}
 */
function sourceOf(config) {
  const { address, options } = objectOf(listOf(config['input'])[0])
  return { address: textOf(address), options: listOf(options).map(String) }
}

/**
 * A number as the API takes it. Anything else is sent as typed, so that the
 * API's message says what is wrong with it.
 *
 * @param {string} key
 * @param {string} text
 */
function numberAt(key, text) {
  const typed = text.trim()
  if (typed === '') return {}
  const number = Number(typed)
  return { [key]: Number.isFinite(number) ? number : typed }
}

/**
 * `"opus"` is short for `{"codec": "opus"}`.
 *
 * @param {unknown} value
 * @returns {Json}
 */
function legOf(value) {
  return typeof value === 'string' ? { codec: value } : objectOf(value)
}

/**
 * @param {Json} object
 * @param {readonly string[]} keys
 * @returns {Json}
 */
function without(object, keys) {
  return Object.fromEntries(
    Object.entries(object).filter(([key]) => !keys.includes(key)),
  )
}

/**
 * @param {unknown} value
 * @returns {value is Json}
 */
function isObject(value) {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/**
 * @param {unknown} value
 * @returns {Json}
 */
function objectOf(value) {
  return isObject(value) ? value : {}
}

/**
 * @param {unknown} value
 * @returns {readonly unknown[]}
 */
function listOf(value) {
  return Array.isArray(value) ? value : []
}

/** @param {unknown} value */
function textOf(value) {
  return typeof value === 'string' || typeof value === 'number'
    ? String(value)
    : ''
}
