const MASK = '***'

/** scheme://user:password@ ; the password may hold all but / @ and spaces. */
const USER_INFO = /(\b[a-z][a-z0-9+.-]*:\/\/[^\s/:@]*:)[^\s/@]+(?=@)/gi

/** Secrets that protocols of FFmpeg and cameras take in a query. */
const QUERY =
  /([?&](?:passphrase|password|passwd|pass|pwd|token|access_token|auth|secret|key|apikey|api_key|streamkey|sig|signature)=)[^\s&#'"|\]]+/gi

/** Options whose value is a secret, or may hold one. */
const SECRET_OPTIONS = new Set([
  '-headers',
  '-cookies',
  '-passphrase',
  '-password',
  '-authorization',
  '-decryption_key',
  '-encryption_key',
  '-cenc_decryption_key',
])

/** `text` without the passwords and tokens of the addresses in it. */
export function maskSecrets(text: string): string {
  if (!text.includes('://') && !text.includes('=')) return text
  return text.replace(USER_INFO, `$1${MASK}`).replace(QUERY, `$1${MASK}`)
}

/** Arguments of FFmpeg without the secrets among them. */
export function maskArguments(args: readonly string[]): readonly string[] {
  return args.map((arg, at) =>
    SECRET_OPTIONS.has(args[at - 1] ?? '') ? MASK : maskSecrets(arg),
  )
}
