/** Label names and values as both exposition formats write them, no braces. */
export function labelsText(
  pairs: Iterable<readonly [name: string, value: string]>,
): string {
  let text = ''
  for (const [name, value] of pairs) {
    text += `${text === '' ? '' : ','}${name}="${escapeLabelValue(value)}"`
  }
  return text
}

const SPECIAL = /[\\"\n]/g

/** A label value with backslash, quote and line feed escaped. */
export function escapeLabelValue(value: string): string {
  return value.replace(SPECIAL, char => (char === '\n' ? '\\n' : `\\${char}`))
}
