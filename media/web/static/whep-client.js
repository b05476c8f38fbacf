/**
 * What the server says of a failure: application/problem+json (RFC 9457).
 *
 * @typedef {object} ProblemBody
 * @property {string} [type]
 * @property {string} [title]
 * @property {string} [detail]
 * @property {string[]} [kinds] 406: the kinds without a common codec
 * @property {string} [scope] 503: what is full
 * @property {number} [limit] 503: how many it admits
 */

/**
 * An answered offer.
 *
 * @typedef {object} WhepSession
 * @property {URL} resource
 * @property {RTCIceServer[]} iceServers
 * @property {() => Promise<string>} answer
 */

/** A server that takes a request and says nothing is given up, milliseconds. */
const ANSWER_LIMIT_MS = 15_000

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
 * Posts an offer. Not to be aborted: an answer under way would leave a session
 * behind that nobody knows.
 *
 * @param {URL} url
 * @param {string} sdp
 * @param {string} token '' sends none
 * @returns {Promise<WhepSession>} as soon as the session is known
 * @throws {Refused | Unreachable}
 */
export async function postOffer(url, sdp, token) {
  const headers = {
    'Content-Type': 'application/sdp',
    ...(token === '' ? {} : { Authorization: `Bearer ${token}` }),
  }
  const response = await ask(url, { method: 'POST', headers, body: sdp })
  if (response.status !== 201) throw await refusal(response)
  return {
    resource: new URL(response.headers.get('Location') ?? '', response.url),
    iceServers: readIceServers(response.headers.get('Link') ?? ''),
    answer: () => response.text(),
  }
}

/**
 * Ends a session. Also called as the page goes: hence keepalive.
 *
 * @param {URL} resource
 */
export async function deleteSession(resource) {
  // Who cannot be told finds out by itself: no consent comes any more.
  await fetch(resource, { method: 'DELETE', keepalive: true }).catch(
    () => undefined,
  )
}

/**
 * Patches a session with a fragment, whatever its entity-tag is by now.
 *
 * @param {URL} resource
 * @param {string} fragment
 * @param {AbortSignal} [signal]
 * @returns {Promise<Response>} also where it refuses
 * @throws {Unreachable}
 */
export function patchSession(resource, fragment, signal) {
  const headers = {
    'Content-Type': 'application/trickle-ice-sdpfrag',
    'If-Match': '*',
  }
  return ask(resource, { method: 'PATCH', headers, body: fragment }, signal)
}

/**
 * The error for a response that refuses.
 *
 * @param {Response} response
 */
export async function refusal(response) {
  return new Refused(response, await problemOf(response))
}

/**
 * @param {Response} response
 * @returns {Promise<ProblemBody>} empty where it is none, such as a proxy's
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
 * @param {AbortSignal} [signal]
 */
async function ask(url, request, signal) {
  const inTime = AbortSignal.timeout(ANSWER_LIMIT_MS)
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
