/**
 * The API's field paths and the form's fields.
 *
 * @typedef {keyof import('./form-model.js').FormValues} FieldName
 */

/** @type {readonly (readonly [RegExp, FieldName])[]} */
const FIELDS = [
  [/^id$/, 'id'],
  [/^input(?:$|\[)/, 'address'],
  [/^webrtc\.video\.bitrate_kbit$/, 'bitrate'],
  [/^webrtc\.video\.height$/, 'height'],
  [/^webrtc\.video(?:\.codec)?$/, 'videoCodec'],
  [/^webrtc\.audio(?:\.codec)?$/, 'audioCodec'],
  [/^reconnect_delay_seconds$/, 'delay'],
  [/^webrtc\.on_demand$/, 'onDemand'],
  [/^webrtc\.idle_seconds$/, 'idle'],
]

/** The details of `process-exists` have no path. */
const EXISTS = /^A process with the id .* already exists$/

/**
 * Assigns the lines of an error to the form's fields, in the API's words.
 *
 * @param {readonly string[]} details such as `['id: expected 1 to ...']`
 * @returns {{ fields: Map<FieldName, string>, rest: string[] }} `rest`: lines
 *   for which the form has no field
 */
export function errorsByField(details) {
  /** @type {Map<FieldName, string>} */
  const fields = new Map()
  /** @type {string[]} */
  const rest = []
  for (const line of details) {
    const { name, message } = located(line)
    if (name === undefined) {
      rest.push(line)
      continue
    }
    const earlier = fields.get(name)
    fields.set(name, earlier ? `${earlier}; ${message}` : message)
  }
  return { fields, rest }
}

/**
 * @param {string} line
 * @returns {{ name: FieldName | undefined, message: string }}
 */
function located(line) {
  if (EXISTS.test(line)) return { name: 'id', message: line }
  const [, path = '', message = ''] = /^([\w.[\]]+): (.*)$/s.exec(line) ?? []
  const name = FIELDS.find(([pattern]) => pattern.test(path))?.[1]
  return { name, message }
}
