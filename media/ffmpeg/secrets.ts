/**
 * The secrets in FFmpeg's arguments. Who writes a password into an address may
 * have it end the authority by a `/`, or the host begin early by an `@`: FFmpeg
 * cannot use such an address, and tells of its pieces. So each is known by its
 * value, and by what stands around it.
 */

/** A secret, with what stands before and behind it in its address. */
export interface Secret {
  readonly value: string
  /** Such as `admin:`; undefined: it is an option's, or a query's. */
  readonly head?: string
  /** Such as `@camera:554`. */
  readonly tail?: string
}

/** Keys of queries whose value is a secret, of FFmpeg's and of cameras. */
export const SECRET_KEYS =
  'passphrase|password|passwd|pass|pwd|psw|loginpas|token|access_token|' +
  'auth|authorization|secret|key|apikey|api_key|streamkey|stream_key|' +
  'sig|signature|jwt'

/** Options whose value is a secret, or may hold one. */
const SECRET_OPTIONS =
  /^-(?:headers|cookies|passphrase|password|authorization|auth|key|rtmp_conn|srtp_(?:in|out)_params|hls_enc_key|(?:cenc_)?(?:de|en)cryption_keys?)$/

// Bounded: a long argument must not take a time that grows with its square.
const SCHEME = /[a-z][a-z0-9+.-]{0,40}(?:,[^:]{0,400})?:/i
/** A scheme with what follows, which may be another scheme: `crypto:http:`. */
const ADDRESS = new RegExp(`(?:${SCHEME.source})+\\/{1,2}`, 'gi')
/** FFmpeg can do without the slashes. */
const BARE_ADDRESS = new RegExp(`^(?:${SCHEME.source})+?(?=.*@)`, 'is')
const QUERY_SECRET = new RegExp(`[?&;/_](?:${SECRET_KEYS})=([^&]+)`, 'gi')

/** Whether the value of this option of FFmpeg is a secret. */
export function isSecretOption(option: string | undefined): boolean {
  return option !== undefined && SECRET_OPTIONS.test(option)
}

/** All secrets in arguments of FFmpeg. */
export function secretsIn(args: readonly string[]): readonly Secret[] {
  return args.flatMap((arg, at) =>
    isSecretOption(args[at - 1])
      ? valuesOf(arg).map(value => ({ value }))
      : [...userSecrets(arg), ...querySecrets(arg)],
  )
}

/** Of headers, what is behind the name, and each word of that. */
function valuesOf(option: string): readonly string[] {
  const values = option
    .split(/[\r\n]+/)
    .flatMap(line => [line, line.replace(/^[\w-]+: */, '')])
    .flatMap(value => [value, ...value.split(/[ ;,]+/)])
  return [option, ...values]
}

/**
 * What is before an `@` of each address and behind the first `:`. Of a list,
 * such as that of `concat:`, the first takes in the others: what looks like
 * their beginning may be a part of its password.
 */
function userSecrets(arg: string): readonly Secret[] {
  const bare = BARE_ADDRESS.exec(arg)
  const found = [...arg.matchAll(ADDRESS)]
  const starts = found.length === 0 && bare ? [bare] : found
  return starts.flatMap(({ index, 0: begin }) =>
    secretsOfUser(arg.slice(index + begin.length)),
  )
}

/** More are in no address that anybody means. */
const MOST_ENDS = 20

/** Up to the last `@`, as somebody may mean it, and each before. */
function secretsOfUser(address: string): readonly Secret[] {
  const colon = address.indexOf(':')
  if (colon === -1) return []
  const head = address.slice(0, colon + 1)
  const ends = [...address.matchAll(/@[^/?#|@]*/g)]
    .filter(({ index }) => index > colon + 1)
    .slice(-MOST_ENDS)
  return ends.map(({ index, 0: tail }) => ({
    value: address.slice(colon + 1, index),
    head,
    tail,
  }))
}

function querySecrets(arg: string): readonly Secret[] {
  return [...arg.matchAll(QUERY_SECRET)].map(([, value = '']) => ({ value }))
}
