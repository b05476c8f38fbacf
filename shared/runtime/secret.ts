import { createHash, timingSafeEqual } from 'node:crypto'

/** Compares two secrets in a time that depends on neither. */
export function isSameSecret(given: string, expected: string): boolean {
  return timingSafeEqual(digest(given), digest(expected))
}

// timingSafeEqual needs equal lengths, which digests have.
function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest()
}
