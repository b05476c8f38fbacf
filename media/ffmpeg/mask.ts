import {
  isSecretOption,
  SECRET_KEYS,
  secretsIn,
  type Secret,
} from './secrets.ts'

const MASK = '***'

/**
 * scheme://user:password@ as FFmpeg's `av_url_split` reads it: up to the last
 * `@` before the first of / ? and #.
 */
const USER_INFO = /(\b[a-z][a-z0-9+.-]{0,40}:\/\/[^\s/?#:]*:)[^\s/?#]+(?=@)/gi
const QUERY = new RegExp(`([?&](?:${SECRET_KEYS})=)[^\\s&#'"|\\]]+`, 'gi')

/** Pieces of a list of addresses that are not secrets. */
const SCHEME =
  /^(?:https?|rtsps?|rtmp[est]*|srt|s?ftp|file|icecast|mms[ht]?|concat)$/
/** Shorter pieces of a secret are masked only in the place of a host. */
const MIN_PIECE_CHARS = 4
/** Shorter secrets are masked only within their address. */
const MIN_VALUE_CHARS = 3

/** Masks the passwords and tokens of addresses in a text. */
export function maskSecrets(text: string): string {
  if (!text.includes('://') && !text.includes('=')) return text
  return text.replace(USER_INFO, `$1${MASK}`).replace(QUERY, `$1${MASK}`)
}

/** Masks the secrets of one FFmpeg in its log and in our messages. */
export interface Mask {
  text(text: string): string
  /** The arguments of FFmpeg, masked. */
  readonly args: readonly string[]
}

/** Creates a mask of all secrets in the arguments of an FFmpeg. */
export function maskOf(args: readonly string[]): Mask {
  const secrets = secretsIn(args).map(withForms)
  const mask = (text: string) =>
    maskSecrets(
      replaceRanges(
        text,
        secrets.flatMap(secret => findSecret(text, secret)),
      ),
    )
  return {
    text: mask,
    args: args.map((arg, at) =>
      isSecretOption(args[at - 1]) ? MASK : mask(arg),
    ),
  }
}

/** Start and end index in a text. */
type Range = readonly [number, number]

/** A secret in all forms in which a log may have it. */
interface SecretForms extends Secret {
  /** Plain and encoded, each at least MIN_VALUE_CHARS long. */
  readonly spellings: readonly string[]
  /** Split at the characters at which FFmpeg splits an address. */
  readonly pieces: readonly string[]
}

function withForms(secret: Secret): SecretForms {
  const { value } = secret
  const plain = decode(value)
  const encoded = [value.toWellFormed(), plain.toWellFormed()].flatMap(text => [
    encodeURIComponent(text),
    encodeURI(text),
  ])
  const spellings = [
    ...[value, plain, ...encoded, ...encoded.map(lowerHex)],
    // FFmpeg's log replaces control characters.
    value.replaceAll(/(?![\b\t\n\v\f\r])\p{Cc}/gu, '?'),
  ]
  const pieces = [value, plain].flatMap(text => text.split(/[@/?#:&=[\]\s]+/))
  return {
    ...secret,
    spellings: distinct(spellings).filter(
      ({ length }) => length >= MIN_VALUE_CHARS,
    ),
    pieces: distinct(pieces).filter(
      piece => piece !== '' && !SCHEME.test(piece),
    ),
  }
}

function findSecret(text: string, secret: SecretForms): readonly Range[] {
  const { value, head, tail, spellings, pieces } = secret
  const whole = spellings.flatMap(spelling => findAll(text, spelling))
  const long = pieces.filter(({ length }) => length >= MIN_PIECE_CHARS)
  const found = [...whole, ...long.flatMap(piece => findAll(text, piece))]
  if (head === undefined || tail === undefined) return found
  return [
    ...found,
    ...findAfterUser(text, head, value),
    ...findBeforeHost(text, tail, value),
    ...pieces.flatMap(piece => findHosts(text, piece)),
  ]
}

/**
 * Finds the secret, or its beginning, after the user name; or digits there,
 * which FFmpeg reads as a port.
 */
function findAfterUser(
  text: string,
  head: string,
  value: string,
): readonly Range[] {
  const user = head.length > 1 ? head : `//${head}`
  return findAll(text, user).flatMap(([start, at]): readonly Range[] => {
    // The end of a longer word, not the user name.
    if (/[a-z0-9]/i.test(text.charAt(start - 1))) return []
    const [port = ''] = /^\d*/.exec(text.slice(at)) ?? []
    const length = Math.max(commonPrefix(text.slice(at), value), port.length)
    return length === 0 ? [] : [[at, at + length]]
  })
}

/** Finds the secret, or its end, before the host. */
function findBeforeHost(
  text: string,
  tail: string,
  value: string,
): readonly Range[] {
  return findAll(text, tail).flatMap(([at]): readonly Range[] => {
    const length = commonSuffix(text.slice(0, at), value)
    return length === 0 ? [] : [[at - length, at]]
  })
}

/** Finds the piece where FFmpeg reads it as a host, with an optional port. */
function findHosts(text: string, piece: string): readonly Range[] {
  return ['://', 'hostname '].flatMap(before =>
    findAll(text, before + piece).flatMap(([from, to]): readonly Range[] => {
      const rest = text.slice(to)
      const [port = ''] = /^:\d+/.exec(rest) ?? []
      const isWhole = /^(?:[:/?#\s'"]|$)/.test(rest)
      return isWhole ? [[from + before.length, to + port.length]] : []
    }),
  )
}

function findAll(text: string, part: string): readonly Range[] {
  const found: Range[] = []
  let at = text.indexOf(part)
  while (at !== -1) {
    found.push([at, at + part.length])
    at = text.indexOf(part, at + 1)
  }
  return found
}

function commonPrefix(a: string, b: string): number {
  let length = 0
  while (length < b.length && a[length] === b[length]) length++
  return length
}

function commonSuffix(a: string, b: string): number {
  let length = 0
  while (length < b.length && a.at(-1 - length) === b.at(-1 - length)) length++
  return length
}

/** Replaces each range by MASK, and overlapping ranges by one. */
function replaceRanges(text: string, ranges: readonly Range[]): string {
  let result = ''
  let copiedTo = 0
  let maskedTo: number | undefined
  for (const [from, to] of ranges.toSorted(([a], [b]) => a - b)) {
    if (maskedTo === undefined || from > maskedTo) {
      result += text.slice(copiedTo, from) + MASK
    }
    maskedTo = Math.max(maskedTo ?? 0, to)
    copiedTo = maskedTo
  }
  return result + text.slice(copiedTo)
}

/** Percent-decodes the valid sequences. */
function decode(text: string): string {
  return text.replaceAll(/(?:%[0-9a-f]{2})+/gi, encoded => {
    try {
      return decodeURIComponent(encoded)
    } catch {
      return encoded
    }
  })
}

function lowerHex(text: string): string {
  return text.replaceAll(/%[0-9A-F]{2}/g, code => code.toLowerCase())
}

function distinct(texts: readonly string[]): readonly string[] {
  return [...new Set(texts)]
}
