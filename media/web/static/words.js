import { Refused, Unreachable } from './whep-client.js'

/** An unknown stream may be added later: retry, but rarely. */
const UNKNOWN_STREAM_MS = 10_000

/**
 * The message after a failure to open the stream, and when to retry.
 *
 * @typedef {object} Verdict
 * @property {'starting' | 'failed'} state
 * @property {string} words
 * @property {number} waitMs minimum wait before the next attempt
 * @property {boolean} asks whether the status of the stream may explain it
 */

/**
 * @param {unknown} error thrown by opening
 * @param {string} streamId
 * @returns {Verdict}
 */
export function verdictOn(error, streamId) {
  if (error instanceof Unreachable) return failed(`${error.message}.`)
  if (!(error instanceof Refused)) {
    return failed(`The browser cannot open the stream: ${String(error)}.`)
  }
  const { status, retryAfterMs, problem } = error
  switch (status) {
    case 404:
      return failed(`There is no stream called ${streamId}.`, UNKNOWN_STREAM_MS)
    case 409:
      return {
        state: 'starting',
        words: problem.on_demand
          ? `${problem.detail}.`
          : 'The stream has not started yet.',
        waitMs: retryAfterMs,
        asks: true,
      }
    case 503:
      return failed(busyWords(error), retryAfterMs)
    default:
      return failed(`${error.message}.`, retryAfterMs)
  }
}

/**
 * @param {string} words
 * @param {number} [waitMs]
 * @returns {Verdict}
 */
function failed(words, waitMs = 0) {
  return { state: 'failed', words, waitMs, asks: false }
}

/** @param {Refused} error */
function busyWords({ problem: { scope, limit }, message }) {
  switch (scope) {
    case 'stream':
      return `All ${limit} places of this stream are taken.`
    case 'global':
      return `All ${limit} places of the server are taken.`
    case 'draining':
      return 'This server takes no new viewers now.'
    default:
      return `${message}.`
  }
}
