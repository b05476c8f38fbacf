/** Numbers of the API with their units, for people. */

const MINUTE_S = 60
const HOUR_S = 60 * MINUTE_S
const DAY_S = 24 * HOUR_S
const MBYTE = 1024 * 1024

/**
 * A duration in its two largest units, such as "3 h 12 min".
 *
 * @param {number} seconds
 */
export function duration(seconds) {
  // The clocks of server and browser may differ.
  const whole = Math.max(0, Math.floor(seconds))
  if (whole < MINUTE_S) return `${whole} s`
  if (whole < HOUR_S) return `${Math.floor(whole / MINUTE_S)} min`
  if (whole < DAY_S) {
    const minutes = Math.floor((whole % HOUR_S) / MINUTE_S)
    return `${Math.floor(whole / HOUR_S)} h ${minutes} min`
  }
  const hours = Math.floor((whole % DAY_S) / HOUR_S)
  return `${Math.floor(whole / DAY_S)} d ${hours} h`
}

/**
 * A time of day with its date, in the language of the browser.
 *
 * @param {number} unixSeconds
 */
export function clockTime(unixSeconds) {
  return new Date(unixSeconds * 1000).toLocaleString()
}

/** @param {number} bytes */
export function megabytes(bytes) {
  return `${Math.round(bytes / MBYTE)} MB`
}

/**
 * A count with its maximum, such as "3 of 50".
 *
 * @param {number} count
 * @param {number | null} max null: no maximum
 */
export function outOf(count, max) {
  return max === null ? `${count}` : `${count} of ${max}`
}

/**
 * A count with its noun, such as "1 viewer" or "3 viewers".
 *
 * @param {number} count
 * @param {string} noun
 */
export function counted(count, noun) {
  return `${count} ${noun}${count === 1 ? '' : 's'}`
}
