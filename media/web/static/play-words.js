/** Usual time to join; nothing needs an explanation before that. */
const JOIN_MS = 2_000
/** Media that has not arrived by then is missing, if the server agrees. */
const MISSING_MS = 6_000
/** Packets without a decoded picture for this long count as undecodable. */
const UNDECODED_MS = 5_000
/** The same without a whole frame: the decoder may wait for a key frame. */
const NO_WHOLE_FRAME_MS = 8_000
/** Maximum wait for a picture, since slow sources send one rarely. */
const PATIENCE_MS = 30_000

/** @type {Readonly<Record<string, string | undefined>>} */
const SOURCE_FAULTS = {
  'no-answer': 'The camera does not answer.',
  login: 'The camera refuses the login.',
  'not-found': 'The source does not exist.',
}

const PLAYING = 'Playing.'
const FIRST = 'Connected, waiting for the first picture.'
const KEY_FRAME =
  'Connected, waiting for the next key frame. The picture starts with it.'

/**
 * @typedef {import('./picture.js').PictureState} PictureState
 *
 * @typedef {import('./sound.js').SoundState} SoundState
 *
 * @typedef {'idle' | 'starting' | 'live' | 'failed'} LegState the
 *   server's view
 *
 * @typedef {object} Perceived the media that a connected viewer receives
 * @property {PictureState | undefined} picture undefined: the stream has none
 * @property {SoundState | undefined} sound undefined: the stream has none
 * @property {{
 *   video: LegState | undefined
 *   audio: LegState | undefined
 * }} legs undefined: not known
 * @property {boolean} shown the element has shown a picture: a decoded one
 *   waits until it is due
 * @property {boolean} paused
 * @property {number} waitedMs since the connection came up
 *
 * @typedef {object} PlayWords
 * @property {'connected' | 'playing' | 'paused' | 'still' | 'degraded'
 *   | 'failed'} state failed: reconnect
 * @property {string} words
 */

/**
 * The message for a viewer whose connection is up.
 *
 * @param {Perceived} perceived
 * @returns {PlayWords}
 */
export function wordsOnPlay(perceived) {
  const { picture, sound, shown, paused, waitedMs } = perceived
  const began = picture?.at === 'moving' || picture?.at === 'slow'
  if (paused && (began || sound === 'heard' || waitedMs > JOIN_MS)) {
    return { state: 'paused', words: 'Paused: press play.' }
  }
  if (began && !shown) return { state: 'connected', words: FIRST }
  switch (picture?.at) {
    case undefined:
      return onSoundAlone(perceived)
    case 'none':
      return onNoPicture(perceived)
    case 'undecoded':
      return onUndecoded(perceived, picture)
    case 'still':
      return { state: 'still', words: stillWords(picture.arrives, sound) }
    case 'slow': {
      const seconds = Math.round(picture.everyMs / 1_000)
      return onPicture(
        perceived,
        `Waiting for the next picture: this source sends one every ${seconds} s.`,
      )
    }
    case 'moving':
      return onPicture(perceived, PLAYING)
  }
}

/**
 * @param {Perceived} perceived
 * @returns {PlayWords}
 */
function onSoundAlone({ sound, waitedMs, legs }) {
  if (sound === 'heard') return { state: 'playing', words: PLAYING }
  if (sound === 'silent') {
    const words = 'No sound arrives: waiting for the source.'
    return { state: 'still', words }
  }
  if (isMissing(legs.audio, waitedMs)) {
    const words = 'Connected, but no sound arrives: the source may be down.'
    return { state: 'failed', words }
  }
  return { state: 'connected', words: 'Connected, waiting for the sound.' }
}

/**
 * @param {Perceived} perceived
 * @param {string} words for a picture with sound
 * @returns {PlayWords}
 */
function onPicture({ sound, legs, waitedMs }, words) {
  // The server detects missing sound before its rhythm is known here.
  const isHeard = sound === 'heard' && legs.audio !== 'failed'
  if (sound === undefined || isHeard) return { state: 'playing', words }
  if (sound === 'none') {
    if (waitedMs <= MISSING_MS) return { state: 'playing', words }
    if (isExpected(legs.audio)) {
      const soon = 'The picture plays; the sound has not started yet.'
      return { state: 'connected', words: soon }
    }
  }
  const silent = 'The picture plays. No sound arrives.'
  return { state: 'degraded', words: silent }
}

/**
 * The message if no video packet has arrived. The server forwards video from a
 * key frame on: without one, viewers receive nothing although the leg is live.
 *
 * @param {Perceived} perceived
 * @returns {PlayWords}
 */
function onNoPicture({ sound, legs, waitedMs }) {
  if (waitedMs <= JOIN_MS) return { state: 'connected', words: FIRST }
  if (sound === 'heard') {
    if (isExpected(legs.video)) {
      const words = 'Sound plays; the picture has not started yet.'
      return { state: 'connected', words }
    }
    if (legs.video === 'failed' || waitedMs > PATIENCE_MS) {
      const words = 'Sound only: no picture arrives.'
      return { state: 'degraded', words }
    }
    const words = legs.video === 'live' ? `${KEY_FRAME} Sound plays.` : FIRST
    return { state: 'connected', words }
  }
  if (isMissing(legs.video, waitedMs)) {
    const words = 'Connected, but no picture arrives: the source may be down.'
    return { state: 'failed', words }
  }
  const words = legs.video === 'live' ? KEY_FRAME : FIRST
  return { state: 'connected', words }
}

/**
 * @param {Perceived} perceived
 * @param {{ forMs: number, whole: boolean }} picture
 * @returns {PlayWords}
 */
function onUndecoded({ sound }, { forMs, whole }) {
  if (forMs <= (whole ? UNDECODED_MS : NO_WHOLE_FRAME_MS)) {
    const words = forMs <= JOIN_MS || whole ? FIRST : KEY_FRAME
    return { state: 'connected', words }
  }
  if (sound === 'heard') {
    const words = 'Sound only: the picture arrives, but cannot be decoded.'
    return { state: 'degraded', words }
  }
  if (forMs <= PATIENCE_MS) {
    const words = 'The picture arrives, but cannot be decoded.'
    return { state: 'degraded', words }
  }
  const words = 'Connected, but the picture cannot be decoded.'
  return { state: 'failed', words }
}

/**
 * @param {boolean} arrives
 * @param {SoundState | undefined} sound
 */
function stillWords(arrives, sound) {
  if (arrives) return 'The picture stands still: what arrives is not decoded.'
  return sound === 'heard'
    ? 'The picture stands still; the sound goes on.'
    : 'The picture stands still: waiting for the source.'
}

/**
 * Whether to give up on media that has not arrived: soon if the server reports
 * a failed leg, late otherwise, because the source may be slow.
 *
 * @param {LegState | undefined} leg
 * @param {number} waitedMs
 */
function isMissing(leg, waitedMs) {
  return waitedMs > (leg === 'failed' ? MISSING_MS : PATIENCE_MS)
}

/** @param {LegState | undefined} leg */
function isExpected(leg) {
  return leg === 'starting' || leg === 'idle'
}

/**
 * Adds the fault that the server reports, even if media arrives here: it is not
 * what the source should send.
 *
 * @template {string} State
 * @param {{ state: State, words: string }} shown
 * @param {{
 *   degraded: boolean
 *   degraded_reason?: string
 *   source_fault?: string
 * } | undefined} status
 * @returns {{ state: State | 'degraded', words: string }}
 */
export function withFault({ state, words }, status) {
  if (!status?.degraded) return { state, words }
  const reason = status.degraded_reason
  const fault =
    SOURCE_FAULTS[status.source_fault ?? ''] ??
    `The stream has a fault${reason ? `: ${reason}` : ''}.`
  if (state !== 'playing') return { state, words: `${words} ${fault}` }
  const shown = words === PLAYING ? fault : `${words} ${fault}`
  return { state: 'degraded', words: shown }
}
