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

/**
 * Assigns the problems of an error to the form's fields, in the API's words.
 *
 * @param {readonly import('./api.js').FieldProblem[]} problems
 * @returns {{ fields: Map<FieldName, string>, rest: string[] }} `rest`: those
 *   for which the form has no field
 */
export function errorsByField(problems) {
  /** @type {Map<FieldName, string>} */
  const fields = new Map()
  /** @type {string[]} */
  const rest = []
  for (const { field, message } of problems) {
    const name = FIELDS.find(([pattern]) => pattern.test(field))?.[1]
    if (name === undefined) {
      rest.push(`${field}: ${message}`)
      continue
    }
    const earlier = fields.get(name)
    fields.set(name, earlier ? `${earlier}; ${message}` : message)
  }
  return { fields, rest }
}
