/**
 * A stream in the response of POST /api/v3/process/probe.
 *
 * @typedef {object} ProbedStream
 * @property {string} type 'video' or 'audio', among others
 * @property {string} codec
 * @property {number} [bitrate_kbps]
 * @property {number} [fps]
 * @property {string} [pix_fmt]
 * @property {number} [width]
 * @property {number} [height]
 * @property {number} [sampling_hz]
 * @property {string} [layout]
 * @property {number} [channels]
 * @property {number | null} [key_frame_seconds]
 * @property {boolean | null} [b_frames]
 * @property {string | null} [profile]
 *
 * @typedef {{ codec: string, words: string }} Advice the codec to choose
 *
 * @typedef {{ video: Advice, audio: Advice }} Advices
 */

/** A new viewer waits for the next key frame. */
const MAX_KEY_FRAME_SECONDS = 2
/** 8-bit 4:2:0, which is all that every browser decodes. */
const PLAYABLE_FORMATS = ['yuv420p', 'yuvj420p']

/**
 * Which codecs to choose for an input.
 *
 * @param {readonly ProbedStream[]} streams
 * @param {{ loop: boolean }} source
 * @returns {Advices}
 */
export function adviceOn(streams, { loop }) {
  const video = streams.find(({ type }) => type === 'video')
  const audio = streams.find(({ type }) => type === 'audio')
  return { video: videoAdvice(video, loop), audio: audioAdvice(audio) }
}

/**
 * @param {ProbedStream | undefined} video
 * @param {boolean} loop
 * @returns {Advice}
 */
function videoAdvice(video, loop) {
  if (video === undefined) {
    return { codec: 'none', words: 'No video: needs none.' }
  }
  const obstacle = whyNoCopy(video, loop)
  if (obstacle !== undefined) {
    return { codec: 'h264', words: `${obstacle}: needs h264.` }
  }
  const { b_frames: bFrames, key_frame_seconds: distance } = video
  if (typeof bFrames !== 'boolean' || typeof distance !== 'number') {
    const words = 'Video: copy may not play, h264 will.'
    return { codec: 'h264', words }
  }
  return { codec: 'copy', words: 'Video: copy will play.' }
}

/**
 * Why browsers do not play a copy of the video; undefined: nothing is known
 * that prevents it.
 *
 * @param {ProbedStream} video
 * @param {boolean} loop
 */
function whyNoCopy(video, loop) {
  const { codec, b_frames: bFrames, key_frame_seconds: distance } = video
  if (codec !== 'h264') return codec.toUpperCase()
  if (video.pix_fmt && !PLAYABLE_FORMATS.includes(video.pix_fmt)) {
    return `Pixel format ${video.pix_fmt}`
  }
  if (bFrames === true) return 'B-frames'
  if (typeof distance === 'number' && distance > MAX_KEY_FRAME_SECONDS) {
    return `Key frames ${distance.toFixed(1)} s apart`
  }
  return loop ? 'A loop' : undefined
}

/**
 * @param {ProbedStream | undefined} audio
 * @returns {Advice}
 */
function audioAdvice(audio) {
  if (audio === undefined) {
    return { codec: 'none', words: 'No sound: needs none.' }
  }
  if (audio.codec === 'opus') {
    return { codec: 'copy', words: 'Sound: copy will play.' }
  }
  return { codec: 'opus', words: `${audio.codec.toUpperCase()}: needs opus.` }
}

/**
 * A stream in words, such as "Video h264 High, 1920×1080, 25 frames/s".
 *
 * @param {ProbedStream} stream
 */
export function probedWords(stream) {
  const { type, codec, profile, width, height, fps } = stream
  const words = [`${type} ${codec}${profile ? ` ${profile}` : ''}`]
  if (width && height) words.push(`${width}×${height}`)
  if (stream.pix_fmt) words.push(stream.pix_fmt)
  if (fps) words.push(`${Math.round(fps * 100) / 100} frames/s`)
  if (stream.sampling_hz) words.push(`${stream.sampling_hz} Hz`)
  if (stream.layout) words.push(stream.layout)
  if (stream.bitrate_kbps) {
    words.push(`${Math.round(stream.bitrate_kbps)} kbit/s`)
  }
  if (type === 'video') words.push(...videoWords(stream))
  return words.join(', ')
}

/** @param {ProbedStream} stream */
function videoWords({ key_frame_seconds: distance, b_frames: bFrames }) {
  const keyFrames =
    typeof distance === 'number'
      ? `a key frame every ${distance.toFixed(1)} s`
      : 'key-frame distance unknown'
  if (typeof bFrames !== 'boolean') return [keyFrames, 'B-frames unknown']
  return [keyFrames, bFrames ? 'B-frames' : 'no B-frames']
}
