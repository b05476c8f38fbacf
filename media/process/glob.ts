/**
 * Whether `text` matches `pattern`, in which * stands for any characters, ?
 * for one, and \ takes the next character as it is. Takes time in proportion
 * to both lengths, whatever the pattern: callers choose it freely.
 */
export function matchesGlob(pattern: string, text: string): boolean {
  const tokens = tokenize(pattern)
  let at = 0
  let token = 0
  /** Where to go on when what follows the last * does not fit. */
  let retry: { token: number; at: number } | undefined
  while (at < text.length) {
    const wanted = tokens[token]
    if (wanted?.kind === 'any') {
      retry = { token: token + 1, at }
      token++
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

type Token =
  | { readonly kind: 'any' | 'one' }
  | { readonly kind: 'text'; readonly character: string }

function tokenize(pattern: string): readonly Token[] {
  const tokens: Token[] = []
  for (let at = 0; at < pattern.length; at++) {
    const character = pattern[at] ?? ''
    if (character === '*') tokens.push({ kind: 'any' })
    else if (character === '?') tokens.push({ kind: 'one' })
    else if (character === '\\' && at + 1 < pattern.length) {
      at++
      tokens.push({ kind: 'text', character: pattern[at] ?? '' })
    } else tokens.push({ kind: 'text', character })
  }
  return tokens
}
