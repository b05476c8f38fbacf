/**
 * Finds the secrets in FFmpeg's arguments. A password that is not
 * percent-encoded may contain a `/`, which ends the authority, or an `@`, which
 * starts the host: FFmpeg cannot open such an address, and logs pieces of it.
 * So a secret is found by its value and by the text around it.
 */

/** A secret, with the text before and after it in its address. */
export interface Secret {
  readonly value: string
  /** Such as `admin:`; undefined: the value of an option or a query. */
  readonly head?: string
  /** Such as `@camera:554`. */
  readonly tail?: string
}

/** Query keys whose value is a secret, for FFmpeg's protocols and cameras. */
export const SECRET_KEYS =
  'passphrase|password|passwd|pass|pwd|psw|loginpas|token|access_token|' +
  'auth|authorization|secret|key|apikey|api_key|streamkey|stream_key|' +
  'sig|signature|jwt'

/** Options whose value is a secret, or may contain one. */
const SECRET_OPTIONS =
  /^-(?:headers|cookies|passphrase|password|authorization|auth|key|rtmp_conn|srtp_(?:in|out)_params|hls_enc_key|(?:cenc_)?(?:de|en)cryption_keys?)$/

// Bounded repetition: a long argument must not take quadratic time.
const SCHEME = /[a-z][a-z0-9+.-]{0,40}(?:,[^:]{0,400})?:/i
/** One or more schemes, such as `crypto:http:`, and slashes. */
const ADDRESS = new RegExp(`(?:${SCHEME.source})+\\/{1,2}`, 'gi')
/** An address without slashes, which FFmpeg accepts too. */
const BARE_ADDRESS = new RegExp(`^(?:${SCHEME.source})+?(?=.*@)`, 'is')
const QUERY_SECRET = new RegExp(`[?&;/_](?:${SECRET_KEYS})=([^&]+)`, 'gi')

/** Whether the value of this FFmpeg option is a secret. */
export function isSecretOption(option: string | undefined): boolean {
  return option !== undefined && SECRET_OPTIONS.test(option)
}

/** Returns all secrets in the arguments of an FFmpeg. */
export function secretsIn(args: readonly string[]): readonly Secret[] {
  return args.flatMap((arg, at) =>
    isSecretOption(args[at - 1])
      ? valuesOf(arg).map(value => ({ value }))
      : [...userSecrets(arg), ...querySecrets(arg)],
  )
}

/** Returns the value, and for headers what follows the name, and its words. */
function valuesOf(option: string): readonly string[] {
  const values = option
    .split(/[\r\n]+/)
    .flatMap(line => [line, line.replace(/^[\w-]+: */, '')])
    .flatMap(value => [value, ...value.split(/[ ;,]+/)])
  return [option, ...values]
}

/**
 * Returns what is between the first `:` and each `@` of an address. In a list,
 * such as that of `concat:`, the first address includes the others: what looks
 * like the start of the next one may be part of a password.
 */
function userSecrets(arg: string): readonly Secret[] {
  const bare = BARE_ADDRESS.exec(arg)
  const found = [...arg.matchAll(ADDRESS)]
  const starts = found.length === 0 && bare ? [bare] : found
  return starts.flatMap(({ index, 0: scheme }) =>
    secretsOfUser(arg.slice(index + scheme.length)),
  )
}

/** No real address has more `@`. */
const MAX_ENDS = 20

/** Any `@` may end the password, so there is one secret for each of them. */
function secretsOfUser(address: string): readonly Secret[] {
  const colon = address.indexOf(':')
  if (colon === -1) return []
  const head = address.slice(0, colon + 1)
  const ends = [...address.matchAll(/@[^/?#|@]*/g)]
    .filter(({ index }) => index > colon + 1)
    .slice(-MAX_ENDS)
  return ends.map(({ index, 0: tail }) => ({
    value: address.slice(colon + 1, index),
    head,
    tail,
  }))
}

function querySecrets(arg: string): readonly Secret[] {
  return [...arg.matchAll(QUERY_SECRET)].map(([, value = '']) => ({ value }))
}
