import { createHash, timingSafeEqual } from 'node:crypto'

/**
 * Checks an Authorization header (RFC 6750) against `token`, in constant time.
 * The scheme is case-insensitive (RFC 9110, 11.1).
 */
export function checkBearer(
  header: string | undefined,
  token: string,
): 'right' | 'wrong' | 'missing' {
  if (header === undefined) return 'missing'
  const [, given] = /^Bearer +(\S+) *$/i.exec(header) ?? []
  if (given === undefined) return 'wrong'
  return timingSafeEqual(digest(given), digest(token)) ? 'right' : 'wrong'
}

// timingSafeEqual needs equal lengths, which digests have.
function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest()
}
