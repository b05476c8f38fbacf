import { parse, type SessionDescription } from 'sdp-transform'

/** Text that is not valid SDP. The message names lines, never quotes them. */
export class SdpError extends Error {
  override readonly name = 'SdpError'
}

/**
 * `T` as `parse` really returns it: any line may be missing, and text that
 * looks like a number (a mid, a password) is a number. `String` restores the
 * exact text.
 */
export type Parsed<T> = T extends string | number
  ? string | number
  : T extends readonly (infer Item)[]
    ? readonly Parsed<Item>[]
    : { readonly [Key in keyof T]?: Parsed<T[Key]> }

export type ParsedSdp = Parsed<SessionDescription>

// The answer repeats values of the offer, which must not contain line ends.
const LINE = /^[a-z]=[\t\P{Cc}]*$/u

/** `parse` tries up to 60 patterns per line; a real offer has about 300. */
const MAX_LINES = 2_000

/**
 * Reads SDP (RFC 8866) or a trickle ICE fragment (RFC 8840). Lines may end
 * with CRLF, LF or CR. Malformed attributes are left out.
 * @throws {SdpError} at the first line that is not `x=...`, or for more than
 *   2,000 lines
 */
export function readSdp(text: string): ParsedSdp {
  const lines = text.split(/\r\n|\n|\r/)
  if (lines.length > MAX_LINES) {
    throw new SdpError(
      `Cannot read SDP: ${lines.length} lines, limit is ${MAX_LINES}`,
    )
  }
  // `parse` would skip such lines.
  const broken = lines.findIndex(line => line !== '' && !LINE.test(line))
  if (broken >= 0) {
    throw new SdpError(`Cannot read SDP: line ${broken + 1} is not "x=..."`)
  }
  return parse(text)
}
