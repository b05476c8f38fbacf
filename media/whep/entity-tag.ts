import { randomBytes } from 'node:crypto'

/** A strong entity-tag (RFC 9110, 8.8.3), quotes included. */
export type EntityTag = `"${string}"`

/** A new entity-tag: one for each ICE session, never used twice. */
export function createEntityTag(): EntityTag {
  return `"${randomBytes(12).toString('base64url')}"`
}

const LISTED = /(?:W\/)?"[\x21\x23-\x7e\x80-\xff]*"/g

/**
 * Whether `ifMatch` allows a change of what `current` tags: by strong
 * comparison (RFC 9110, 13.1.1), or any. The draft's example quotes the
 * asterisk, so that means any too.
 */
export function matches(ifMatch: string, current: EntityTag): boolean {
  if (ifMatch.trim() === '*') return true
  const tags: readonly string[] = ifMatch.match(LISTED) ?? []
  return tags.includes('"*"') || tags.includes(current)
}
