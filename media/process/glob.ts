type Token =
  | { readonly kind: 'any' | 'one' }
  | { readonly kind: 'text'; readonly character: string }

/**
 * Compiles a glob to a function that tests a text: * matches any characters, ?
 * matches one, and \ escapes the next character. Takes at most quadratic time
 * in the length of the text, whatever the pattern: clients choose it freely.
 */
export function compileGlob(pattern: string): (text: string) => boolean {
  const tokens = tokenize(pattern)
  const minLength = tokens.filter(({ kind }) => kind !== 'any').length
  return text => text.length >= minLength && matches(tokens, text)
}

function matches(tokens: readonly Token[], text: string): boolean {
  let at = 0
  let token = 0
  /** Where to continue if the part after the last * does not match. */
  let retry: { token: number; at: number } | undefined
  while (at < text.length) {
    const expected = tokens[token]
    if (expected?.kind === 'any') {
      token++
      retry = { token, at }
    } else if (
      expected?.kind === 'one' ||
      (expected?.kind === 'text' && expected.character === text[at])
    ) {
      token++
      at++
    } else if (retry !== undefined) {
      retry = { ...retry, at: retry.at + 1 }
      token = retry.token
      at = retry.at
    } else {
      return false
    }
  }
  return tokens.slice(token).every(({ kind }) => kind === 'any')
}

/** Joins several * in a row. */
function tokenize(pattern: string): readonly Token[] {
  const tokens: Token[] = []
  for (let at = 0; at < pattern.length; at++) {
    const character = pattern[at] ?? ''
    if (character === '*') {
      if (tokens.at(-1)?.kind !== 'any') tokens.push({ kind: 'any' })
    } else if (character === '?') tokens.push({ kind: 'one' })
    else if (character === '\\' && at + 1 < pattern.length) {
      at++
      tokens.push({ kind: 'text', character: pattern[at] ?? '' })
    } else tokens.push({ kind: 'text', character })
  }
  return tokens
}
