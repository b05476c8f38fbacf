import { parse, type SessionDescription } from 'sdp-transform'

/** What cannot be read as SDP. The message names lines, never quotes them. */
export class SdpError extends Error {
  override readonly name = 'SdpError'
}

/**
 * `T` as `parse` really returns it: its types promise lines that a text need
 * not have, and text that reads as a number (a mid, a password) is a number,
 * which `String` turns back into the very same text.
 */
export type Parsed<T> = T extends string | number
  ? string | number
  : T extends readonly (infer Item)[]
    ? readonly Parsed<Item>[]
    : { readonly [Key in keyof T]?: Parsed<T[Key]> }

export type ParsedSdp = Parsed<SessionDescription>

// Anything echoed into an answer must not bring its own line ends.
const LINE = /^[a-z]=[\t\P{Cc}]*$/u

/** `parse` tries up to 60 patterns on a line; a real offer has some 300. */
const MAX_LINES = 2_000

/**
 * Reads SDP (RFC 8866) or a trickle ICE fragment (RFC 8840). Line ends may be
 * CRLF, LF or CR. Attributes that are malformed are left out.
 * @throws {SdpError} at the first line that is not `x=...`, or the 2001st
 */
export function readSdp(text: string): ParsedSdp {
  const lines = text.split(/\r\n|\n|\r/)
  if (lines.length > MAX_LINES) {
    throw new SdpError(
      `Cannot read SDP: ${lines.length} lines, limit is ${MAX_LINES}`,
    )
  }
  // `parse` would pass over them.
  const broken = lines.findIndex(line => line !== '' && !LINE.test(line))
  if (broken >= 0) {
    throw new SdpError(`Cannot read SDP: line ${broken + 1} is not "x=..."`)
  }
  return parse(text)
}
