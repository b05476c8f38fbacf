/** `{name}`, `{name^:}` (escape the colons of the value), `{name,key=value}`. */
const PLACEHOLDER = /\{([a-z:]+)(?:\^(.))?(?:,[^}]*)?\}/g

/** Placeholders of upstream's file systems and servers, which we lack. */
const UNSUPPORTED = /^(memfs|diskfs|rtmp|srt|fs:.*)$/

/** Replaces the placeholders in `values`; leaves others unchanged. */
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

/** Escapes twice, because FFmpeg's filter graphs unescape twice. */
function escape(value: string, character: string): string {
  const safe = character === '\\' ? value : value.replaceAll('\\', '\\\\\\')
  return safe.replaceAll(character, `\\\\${character}`)
}

/** Describes a placeholder in `text` that is not supported, if any. */
export function findUnsupported(text: string): string | undefined {
  for (const [, name = ''] of text.matchAll(PLACEHOLDER)) {
    if (UNSUPPORTED.test(name)) {
      // Only this much: the rest may be part of a password.
      const [kind = ''] = name.split(':')
      return (
        `expected none of upstream's own file systems and servers, ` +
        `got placeholder {${kind}}`
      )
    }
  }
  return undefined
}
