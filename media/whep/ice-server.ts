import { createHmac } from 'node:crypto'

/** A STUN or TURN server that players learn from Link headers. */
export interface IceServer {
  /** Such as `turn:host:3478?transport=udp`, without credentials. */
  readonly url: string
  readonly credentials?: {
    readonly username: string
    readonly password: string
  }
}

/**
 * With this user name the password is a secret shared with the TURN server,
 * from which short-lived credentials are derived (coturn: use-auth-secret).
 */
const SHARED_SECRET = 'AUTH_SECRET'

/** Lifetime of short-lived credentials, seconds. */
const CREDENTIAL_SECONDS = 24 * 3600

const ICE_SERVER =
  /^(?<scheme>stuns?|turns?):(?:(?<user>[^:@\s]+):(?<password>[^@\s]+)@)?(?<rest>(?:\[[0-9a-fA-F:.]+\]|[\w.-]+)(?::\d{1,5})?(?:\?transport=(?:udp|tcp))?)$/

/**
 * Parses an item of CORE_WEBRTC_ICE_SERVERS: a STUN URL (RFC 7064), or a TURN
 * URL (RFC 7065) with credentials before the host, `turn:user:password@host`,
 * in which special characters are percent-encoded.
 * @throws {RangeError} with what was expected, without the password
 */
export function parseIceServer(text: string): IceServer {
  const groups = ICE_SERVER.exec(text)?.groups
  const { scheme = '', user, password, rest = '' } = groups ?? {}
  const url = `${scheme}:${rest}`
  const isTurn = scheme.startsWith('turn')
  if (groups === undefined || (user !== undefined) !== isTurn) {
    throw new RangeError(
      'expected stun:host:port or turn:user:password@host:port, with ' +
        'an optional ?transport=udp or tcp',
    )
  }
  if (user === undefined || password === undefined) return { url }
  return {
    url,
    credentials: { username: decode(user), password: decode(password) },
  }
}

function decode(text: string): string {
  let decoded: string
  try {
    decoded = decodeURIComponent(text)
  } catch (cause) {
    throw new RangeError('expected percent-encoded credentials', { cause })
  }
  // Node rejects headers with other characters, so each POST would fail.
  if (/^[ -~]+$/.test(decoded)) return decoded
  throw new RangeError('expected credentials of printable ASCII')
}

/**
 * The Link headers (draft, 4.6) for `servers`, one each, in the parameter
 * order that mediamtx requires.
 */
export function linkHeaders(
  servers: readonly IceServer[],
  unixMs: number,
): readonly string[] {
  return servers.map(({ url, credentials }) => {
    const link = `<${url}>; rel="ice-server"`
    if (credentials === undefined) return link
    const { username, password } = shortLived(credentials, unixMs)
    return (
      `${link}; username=${quoted(username)}; credential=${quoted(password)}; ` +
      'credential-type="password"'
    )
  })
}

/** TURN REST API: user name `<expiry>:<name>`, password its HMAC-SHA1. */
function shortLived(
  credentials: NonNullable<IceServer['credentials']>,
  unixMs: number,
): NonNullable<IceServer['credentials']> {
  if (credentials.username !== SHARED_SECRET) return credentials
  const expiry = Math.floor(unixMs / 1000) + CREDENTIAL_SECONDS
  const username = `${expiry}:viewer`
  const password = createHmac('sha1', credentials.password)
    .update(username)
    .digest('base64')
  return { username, password }
}

function quoted(text: string): string {
  return `"${text.replace(/["\\]/g, '\\$&')}"`
}
