type Token =
  | { readonly kind: 'any' | 'one' }
  | { readonly kind: 'text'; readonly character: string }

/**
 * A function that says whether a text matches `pattern`, in which * stands for
 * any characters, ? for one, and \ takes the next character as it is. Takes
 * time in proportion to the square of the text's length at most, whatever the
 * pattern: callers choose it freely.
 */
export function compileGlob(pattern: string): (text: string) => boolean {
  const tokens = tokenize(pattern)
  const least = tokens.filter(({ kind }) => kind !== 'any').length
  return text => text.length >= least && matches(tokens, text)
}

function matches(tokens: readonly Token[], text: string): boolean {
  let at = 0
  let token = 0
  /** Where to go on when what follows the last * does not fit. */
  let retry: { token: number; at: number } | undefined
  while (at < text.length) {
    const wanted = tokens[token]
    if (wanted?.kind === 'any') {
      token++
      retry = { token, at }
    } else if (
      wanted?.kind === 'one' ||
      (wanted?.kind === 'text' && wanted.character === text[at])
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

/** Several * in a row are one. */
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
