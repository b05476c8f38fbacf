import {
  isSecretOption,
  SECRET_KEYS,
  secretsIn,
  type Secret,
} from './secrets.ts'

const MASK = '***'

/**
 * scheme://user:password@ as FFmpeg's `av_url_split` takes it: all up to the
 * last `@` before the first of / ? and #.
 */
const USER_INFO = /(\b[a-z][a-z0-9+.-]{0,40}:\/\/[^\s/?#:]*:)[^\s/?#]+(?=@)/gi
const QUERY = new RegExp(`([?&](?:${SECRET_KEYS})=)[^\\s&#'"|\\]]+`, 'gi')

/** Of a list of addresses, these are pieces, but no secrets. */
const SCHEME =
  /^(?:https?|rtsps?|rtmp[est]*|srt|s?ftp|file|icecast|mms[ht]?|concat)$/
/** A piece of a secret that is shorter is only found where a host stands. */
const LEAST_PIECE = 4
/** A secret that is shorter is only found in its address. */
const LEAST_VALUE = 3

/** `text` without the passwords and tokens of the addresses in it. */
export function maskSecrets(text: string): string {
  if (!text.includes('://') && !text.includes('=')) return text
  return text.replace(USER_INFO, `$1${MASK}`).replace(QUERY, `$1${MASK}`)
}

/** Takes the secrets of one FFmpeg out of what it, or we, say. */
export interface Mask {
  text(text: string): string
  /** The arguments that it was made of. */
  readonly args: readonly string[]
}

/** A mask of all secrets in the arguments of an FFmpeg. */
export function maskOf(args: readonly string[]): Mask {
  const secrets = secretsIn(args).map(known)
  const mask = (text: string) =>
    maskSecrets(
      cut(
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

/** From and up to, of a text. */
type Range = readonly [number, number]

interface Known extends Secret {
  /** As it may be written, none of them short. */
  readonly spellings: readonly string[]
  /** Between the characters at which FFmpeg takes an address apart. */
  readonly pieces: readonly string[]
}

function known(secret: Secret): Known {
  const { value } = secret
  const plain = decode(value)
  const encoded = [value.toWellFormed(), plain.toWellFormed()].flatMap(text => [
    encodeURIComponent(text),
    encodeURI(text),
  ])
  const spellings = [
    ...[value, plain, ...encoded, ...encoded.map(lowerHex)],
    // As FFmpeg's log writes control characters.
    value.replaceAll(/(?![\b\t\n\v\f\r])\p{Cc}/gu, '?'),
  ]
  const pieces = [value, plain].flatMap(text => text.split(/[@/?#:&=[\]\s]+/))
  return {
    ...secret,
    spellings: distinct(spellings).filter(
      ({ length }) => length >= LEAST_VALUE,
    ),
    pieces: distinct(pieces).filter(
      piece => piece !== '' && !SCHEME.test(piece),
    ),
  }
}

function findSecret(text: string, secret: Known): readonly Range[] {
  const { value, head, tail, spellings, pieces } = secret
  const whole = spellings.flatMap(spelling => findAll(text, spelling))
  const long = pieces.filter(({ length }) => length >= LEAST_PIECE)
  const found = [...whole, ...long.flatMap(piece => findAll(text, piece))]
  if (head === undefined || tail === undefined) return found
  return [
    ...found,
    ...findBeginnings(text, head, value),
    ...findEnds(text, tail, value),
    ...pieces.flatMap(piece => findHosts(text, piece)),
  ]
}

/**
 * Behind the user: the secret, as much of it as there is. FFmpeg takes the
 * digits there for a port.
 */
function findBeginnings(
  text: string,
  head: string,
  value: string,
): readonly Range[] {
  const user = head.length > 1 ? head : `//${head}`
  return findAll(text, user).flatMap(([begin, at]): readonly Range[] => {
    // The end of a word, not the user.
    if (/[a-z0-9]/i.test(text.charAt(begin - 1))) return []
    const [port = ''] = /^\d*/.exec(text.slice(at)) ?? []
    const length = Math.max(sharedStart(text.slice(at), value), port.length)
    return length === 0 ? [] : [[at, at + length]]
  })
}

/** Before the host: as much of the secret as there is. */
function findEnds(text: string, tail: string, value: string): readonly Range[] {
  return findAll(text, tail).flatMap(([at]): readonly Range[] => {
    const length = sharedEnd(text.slice(0, at), value)
    return length === 0 ? [] : [[at - length, at]]
  })
}

/** Where FFmpeg takes the piece for a host, perhaps with a port. */
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

function findAll(text: string, wanted: string): readonly Range[] {
  const found: Range[] = []
  let at = text.indexOf(wanted)
  while (at !== -1) {
    found.push([at, at + wanted.length])
    at = text.indexOf(wanted, at + 1)
  }
  return found
}

function sharedStart(a: string, b: string): number {
  let length = 0
  while (length < b.length && a[length] === b[length]) length++
  return length
}

function sharedEnd(a: string, b: string): number {
  let length = 0
  while (length < b.length && a.at(-1 - length) === b.at(-1 - length)) length++
  return length
}

/** `text` with each of the ranges replaced, those that overlap as one. */
function cut(text: string, ranges: readonly Range[]): string {
  let result = ''
  let shown = 0
  let hiddenTo: number | undefined
  for (const [from, to] of ranges.toSorted(([a], [b]) => a - b)) {
    if (hiddenTo === undefined || from > hiddenTo) {
      result += text.slice(shown, from) + MASK
    }
    hiddenTo = Math.max(hiddenTo ?? 0, to)
    shown = hiddenTo
  }
  return result + text.slice(shown)
}

/** Percent-decodes what can be. */
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
