import { createHash, timingSafeEqual } from 'node:crypto'

/** What an Authorization header says of the token we want. */
export type BearerCheck = 'right' | 'wrong' | 'missing'

/**
 * Holds an Authorization header (RFC 6750) against `token`, in constant time.
 * The scheme's case does not matter (RFC 9110, 11.1).
 */
export function checkBearer(
  header: string | undefined,
  token: string,
): BearerCheck {
  if (header === undefined) return 'missing'
  const [, given] = /^Bearer +(\S+) *$/i.exec(header) ?? []
  if (given === undefined) return 'wrong'
  return timingSafeEqual(digest(given), digest(token)) ? 'right' : 'wrong'
}

// Digests have one length, whatever the lengths of the tokens.
function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest()
}
