/**
 * An application/problem+json body (RFC 9457).
 *
 * @typedef {object} ProblemBody
 * @property {string} [type]
 * @property {string} [title]
 * @property {string} [detail]
 * @property {string[]} [kinds] 406: the kinds without a common codec
 * @property {boolean} [on_demand] 409: `detail` says why it did not start
 * @property {string} [scope] 503: whose limit is reached, or `draining`
 * @property {number} [limit] 503: the limit
 */

/**
 * An answered offer.
 *
 * @typedef {object} WhepSession
 * @property {URL} resource
 * @property {RTCIceServer[]} iceServers
 * @property {() => Promise<string>} answer
 */

/** Time for the server to answer a request, milliseconds. */
const RESPONSE_TIMEOUT_MS = 15_000
/** The same for an offer: a stream may take 60 s to start on demand. */
const OFFER_TIMEOUT_MS = 65_000

/** The server refused; `problem` is its application/problem+json. */
export class Refused extends Error {
  /**
   * @param {Response} response
   * @param {ProblemBody} problem
   */
  constructor(response, problem) {
    super(problem.title ?? `The server answered ${response.status}`)
    this.name = 'Refused'
    this.status = response.status
    this.problem = problem
    this.retryAfterMs = Number(response.headers.get('Retry-After') ?? 0) * 1000
  }
}

/** The server was not reached, or did not answer in time. */
export class Unreachable extends Error {
  /** @param {unknown} cause */
  constructor(cause) {
    super('The server cannot be reached', { cause })
    this.name = 'Unreachable'
  }
}

/**
 * Posts an offer. It cannot be aborted: an answer in flight would leave an
 * unknown session behind.
 *
 * @param {URL} url
 * @param {string} sdp
 * @param {string} token '' for none
 * @returns {Promise<WhepSession>} once the session is known
 * @throws {Refused | Unreachable}
 */
export async function postOffer(url, sdp, token) {
  const headers = {
    'Content-Type': 'application/sdp',
    ...(token === '' ? {} : { Authorization: `Bearer ${token}` }),
  }
  const response = await ask(
    url,
    { method: 'POST', headers, body: sdp },
    { timeoutMs: OFFER_TIMEOUT_MS },
  )
  if (response.status !== 201) throw await refusal(response)
  return {
    resource: new URL(response.headers.get('Location') ?? '', response.url),
    iceServers: readIceServers(response.headers.get('Link') ?? ''),
    answer: () => response.text(),
  }
}

/**
 * Ends a session. `keepalive`, because the page may be closing.
 *
 * @param {URL} resource
 */
export async function deleteSession(resource) {
  // If this fails, the server notices that ICE consent is missing.
  await fetch(resource, { method: 'DELETE', keepalive: true }).catch(
    () => undefined,
  )
}

/**
 * Patches a session with a fragment, whatever its current entity-tag is.
 *
 * @param {URL} resource
 * @param {string} fragment
 * @param {AbortSignal} [signal]
 * @returns {Promise<Response>} of any status
 * @throws {Unreachable}
 */
export function patchSession(resource, fragment, signal) {
  const headers = {
    'Content-Type': 'application/trickle-ice-sdpfrag',
    'If-Match': '*',
  }
  const request = { method: 'PATCH', headers, body: fragment }
  return ask(resource, request, { timeoutMs: RESPONSE_TIMEOUT_MS, signal })
}

/**
 * The error for a response that is a refusal.
 *
 * @param {Response} response
 */
export async function refusal(response) {
  return new Refused(response, await problemOf(response))
}

/**
 * @param {Response} response
 * @returns {Promise<ProblemBody>} empty if the body is something else, such as a proxy's page
 */
async function problemOf(response) {
  try {
    /** @type {unknown} */
    const body = await response.json()
    return typeof body === 'object' && body !== null ? body : {}
  } catch {
    return {}
  }
}

/**
 * @param {URL} url
 * @param {RequestInit} request
 * @param {object} limits
 * @param {number} limits.timeoutMs
 * @param {AbortSignal | undefined} [limits.signal]
 */
async function ask(url, request, { timeoutMs, signal }) {
  const inTime = AbortSignal.timeout(timeoutMs)
  try {
    return await fetch(url, {
      ...request,
      signal: signal ? AbortSignal.any([signal, inTime]) : inTime,
    })
  } catch (error) {
    signal?.throwIfAborted()
    throw new Unreachable(error)
  }
}

/**
 * @param {string} header
 * @returns {RTCIceServer[]}
 */
function readIceServers(header) {
  return header.split(/,\s*(?=<)/).flatMap(link => {
    const urls = /^<([^>]+)>/.exec(link)?.[1]
    if (urls === undefined || !link.includes('rel="ice-server"')) return []
    const username = parameter(link, 'username')
    const credential = parameter(link, 'credential')
    if (username === undefined || credential === undefined) return [{ urls }]
    return [{ urls, username, credential }]
  })
}

/**
 * @param {string} link
 * @param {string} name
 */
function parameter(link, name) {
  return new RegExp(`; ${name}="((?:[^"\\\\]|\\\\.)*)"`)
    .exec(link)?.[1]
    ?.replace(/\\(.)/g, '$1')
}
