/** `{name}`, `{name^:}` (escape the colons of the value), `{name,key=value}`. */
const PLACEHOLDER = /\{([a-z:]+)(?:\^(.))?(?:,[^}]*)?\}/g

/** What upstream has and we have not: its file systems and its servers. */
const UNSUPPORTED = /^(memfs|diskfs|rtmp|srt|fs:.*)$/

/** Replaces the placeholders among `values`; leaves others as they are. */
export function fillPlaceholders(
  text: string,
  values: Readonly<Record<string, string>>,
): string {
  return text.replace(
    PLACEHOLDER,
    (whole: string, name: string, escaped: string | undefined) => {
      const value = Object.hasOwn(values, name) ? values[name] : undefined
      if (value === undefined) return whole
      return escaped === undefined ? value : escape(value, escaped)
    },
  )
}

/** Escapes twice, as FFmpeg's filter graphs read a value twice. */
function escape(value: string, character: string): string {
  const safe = character === '\\' ? value : value.replaceAll('\\', '\\\\\\')
  return safe.replaceAll(character, `\\\\${character}`)
}

/** Says which placeholder of `text` cannot be filled; undefined: none. */
export function findUnsupported(text: string): string | undefined {
  for (const [, name = ''] of text.matchAll(PLACEHOLDER)) {
    if (UNSUPPORTED.test(name)) {
      // No more of it: it may stand in a password.
      const [kind = ''] = name.split(':')
      return (
        `expected none of upstream's own file systems and servers, ` +
        `got placeholder {${kind}}`
      )
    }
  }
  return undefined
}
