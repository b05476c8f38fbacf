/**
 * The response of GET /api/v3/webrtc/overview, as far as the page shows it.
 *
 * @typedef {'stopped' | 'asleep' | 'starting' | 'live' | 'failed'} StreamState
 *
 * @typedef {object} Leg
 * @property {'idle' | 'starting' | 'live' | 'failed'} state
 * @property {string} codec
 * @property {number | null} silent_ms
 * @property {string} [cause]
 * @property {number | null} [packets_per_second]
 *
 * @typedef {object} Job the FFmpeg of a stream
 * @property {'start' | 'stop'} order
 * @property {string} exec
 * @property {number | null} speed
 * @property {number | null} cpu_percent of one core
 * @property {number | null} memory_bytes
 *
 * @typedef {object} Stream
 * @property {string} id
 * @property {'process' | 'external'} type
 * @property {StreamState} state
 * @property {boolean} degraded
 * @property {string | null} reason
 * @property {number | null} since Unix seconds
 * @property {number} peers
 * @property {number | null} peers_max null: no cap
 * @property {Partial<Record<'video' | 'audio', Leg>>} legs
 * @property {Job | null} process
 *
 * @typedef {object} Drain
 * @property {boolean} draining
 * @property {number | null} since Unix seconds
 * @property {number} viewers_left
 * @property {number | null} ends_at Unix seconds; null: viewers may stay
 *
 * @typedef {object} Overview
 * @property {{ id: string, version: string }} core
 * @property {number} time Unix seconds of the server
 * @property {number} uptime_seconds
 * @property {number} viewers
 * @property {number | null} viewers_max null: no cap
 * @property {Drain} drain
 * @property {{ in_use: number, total: number }} ports
 * @property {readonly { state: 'running' | 'frozen' | 'restarting' }[]} workers
 * @property {{ connected: boolean, since: number | null }} exporter
 * @property {readonly Stream[]} streams
 *
 * @typedef {StreamState | 'degraded'} StateWord
 */

/** @type {readonly StateWord[]} worst first */
const RANKS = ['failed', 'degraded', 'starting', 'live', 'asleep', 'stopped']

/**
 * Whether a response is an overview, and not a proxy's page.
 *
 * @param {unknown} body
 * @returns {body is Overview}
 */
export function isOverview(body) {
  return (
    typeof body === 'object' &&
    body !== null &&
    'streams' in body &&
    Array.isArray(body.streams)
  )
}

/**
 * The state of a stream in one word.
 *
 * @param {Pick<Stream, 'state' | 'degraded'>} stream
 * @returns {StateWord}
 */
export function stateWord({ state, degraded }) {
  return degraded && state !== 'failed' ? 'degraded' : state
}

/**
 * The streams, worst first, and by id within a state.
 *
 * @template {Pick<Stream, 'id' | 'state' | 'degraded'>} Type
 * @param {readonly Type[]} streams
 * @returns {Type[]}
 */
export function worstFirst(streams) {
  const rank = (/** @type {Type} */ stream) => RANKS.indexOf(stateWord(stream))
  return streams.toSorted(
    (one, other) => rank(one) - rank(other) || (one.id < other.id ? -1 : 1),
  )
}

/**
 * How many streams are in each state, such as "1 failed, 12 live".
 *
 * @param {readonly Pick<Stream, 'state' | 'degraded'>[]} streams
 */
export function countWords(streams) {
  const words = streams.map(stateWord)
  return RANKS.flatMap(word => {
    const count = words.filter(each => each === word).length
    return count === 0 ? [] : [`${count} ${word}`]
  }).join(', ')
}
