/** Time for the server to answer; a probe takes up to 10 s. */
const RESPONSE_TIMEOUT_MS = 20_000

/**
 * What is wrong with one field of a process.
 *
 * @typedef {object} FieldProblem
 * @property {string} field path, such as `input[0].address`
 * @property {string} message
 */

/** The server refused a request; `details` are its lines. */
export class ApiError extends Error {
  /**
   * @param {number} status
   * @param {string} message
   * @param {readonly string[]} details
   * @param {readonly FieldProblem[]} [fields] what `details` say, by field
   */
  constructor(status, message, details, fields = []) {
    super(message)
    this.name = 'ApiError'
    this.status = status
    this.details = details
    this.fields = fields
  }

  /** Whether the admin API refuses this client, whatever the request. */
  get isAccess() {
    return this.status === 401 || this.status === 403
  }
}

/** The server was not reached, or did not answer in time. */
export class Away extends Error {
  /** @param {unknown} cause */
  constructor(cause) {
    super('The server cannot be reached.', { cause })
    this.name = 'Away'
  }
}

/** Calls the admin API, with the token that is kept for the tab. */
export class Api {
  #base
  #token
  #onRefused

  /**
   * @param {object} options
   * @param {URL} options.base of `/api/v3/`
   * @param {() => string} options.token '' for none
   * @param {(error: ApiError) => void} options.onRefused no access: the token
   *   is missing or wrong, or only clients on the same machine have access
   */
  constructor({ base, token, onRefused }) {
    this.#base = base
    this.#token = token
    this.#onRefused = onRefused
  }

  /**
   * Sends a request.
   *
   * @param {'GET' | 'POST' | 'PUT' | 'DELETE'} method
   * @param {string} path below /api/v3/
   * @param {object} [options]
   * @param {unknown} [options.body] sent as JSON
   * @param {AbortSignal} [options.signal]
   * @returns {Promise<unknown>} the JSON of the answer; undefined if it is
   *   empty
   * @throws {ApiError | Away}
   * @throws {DOMException} if `signal` aborts
   */
  async call(method, path, { body, signal } = {}) {
    const token = this.#token()
    const inTime = AbortSignal.timeout(RESPONSE_TIMEOUT_MS)
    /** @type {RequestInit} */
    const request = {
      method,
      headers: {
        ...(token !== '' && { Authorization: `Bearer ${token}` }),
        ...(body !== undefined && { 'Content-Type': 'application/json' }),
      },
      signal: signal ? AbortSignal.any([signal, inTime]) : inTime,
      ...(body !== undefined && { body: JSON.stringify(body) }),
    }
    let response
    let text
    try {
      response = await fetch(new URL(path, this.#base), request)
      text = await response.text()
    } catch (error) {
      signal?.throwIfAborted()
      throw new Away(error)
    }
    if (response.ok) return parsed(text)
    const error = refusal(response.status, parsed(text))
    if (error.isAccess) this.#onRefused(error)
    throw error
  }
}

/** @param {string} text */
function parsed(text) {
  try {
    return /** @type {unknown} */ (JSON.parse(text))
  } catch {
    return undefined
  }
}

/**
 * The error in the body: upstream Core's shape, or a problem (RFC 9457).
 *
 * @param {number} status
 * @param {unknown} body
 */
function refusal(status, body) {
  const fields = /** @type {Readonly<Record<string, unknown>>} */ (
    typeof body === 'object' && body !== null ? body : {}
  )
  const { message, title, detail, details, fields: problems } = fields
  const words =
    [message, title].find(each => typeof each === 'string') ??
    `The server answered ${status}`
  const lines = Array.isArray(details) ? details.map(String) : []
  if (typeof detail === 'string') lines.push(detail)
  return new ApiError(
    status,
    words,
    lines,
    Array.isArray(problems) ? problems.filter(isFieldProblem) : [],
  )
}

/**
 * @param {unknown} value
 * @returns {value is FieldProblem}
 */
function isFieldProblem(value) {
  return (
    typeof value === 'object' &&
    value !== null &&
    'field' in value &&
    typeof value.field === 'string' &&
    'message' in value &&
    typeof value.message === 'string'
  )
}

/**
 * An error in words, for any part of the page.
 *
 * @param {unknown} error
 */
export function errorWords(error) {
  if (!(error instanceof ApiError)) {
    return error instanceof Error ? error.message : String(error)
  }
  return [error.message, ...error.details].join(': ')
}
