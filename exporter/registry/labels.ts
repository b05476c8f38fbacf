/** Label names and values as both exposition formats write them, no braces. */
export function labelsText(
  pairs: Iterable<readonly [name: string, value: string]>,
): string {
  // Joined, not added up: a text that is kept is then in one piece.
  return Array.from(
    pairs,
    ([name, value]) => `${name}="${escapeLabelValue(value)}"`,
  ).join(',')
}

const SPECIAL = /[\\"\n]/g

/** A label value with backslash, quote and line feed escaped. */
export function escapeLabelValue(value: string): string {
  return value.replace(SPECIAL, char => (char === '\n' ? '\\n' : `\\${char}`))
}
