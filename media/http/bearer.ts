import { isSameSecret } from '../../shared/runtime/secret.ts'
import { httpProblem } from './problem.ts'

/** A bearer token that guards a part of the API. */
export interface BearerToken {
  readonly token: string
  /** The realm in WWW-Authenticate. */
  readonly realm: string
  /** The setting that has the token, for messages. */
  readonly setting: string
}

/**
 * Requires the token in an Authorization header.
 * @param expected undefined: no token is required
 * @throws {Problem} `token-missing`, `token-wrong`
 */
export function requireBearer(
  header: string | undefined,
  expected: BearerToken | undefined,
): void {
  rejectWrongBearer(header, expected)
  if (expected === undefined || header !== undefined) return
  const { realm, setting } = expected
  throw httpProblem('token-missing', `${setting} is set on this server`, {
    headers: { 'WWW-Authenticate': `Bearer realm="${realm}"` },
  })
}

/**
 * Rejects a wrong token; a missing one is accepted.
 * @throws {Problem} `token-wrong`
 */
export function rejectWrongBearer(
  header: string | undefined,
  expected: BearerToken | undefined,
): void {
  if (expected === undefined) return
  const { token, realm, setting } = expected
  if (checkBearer(header, token) !== 'wrong') return
  throw httpProblem('token-wrong', `The token differs from ${setting}`, {
    headers: {
      'WWW-Authenticate': `Bearer realm="${realm}", error="invalid_token"`,
    },
  })
}

/**
 * Checks an Authorization header (RFC 6750) against `token`, in constant time.
 * The scheme is case-insensitive (RFC 9110, 11.1).
 */
export function checkBearer(
  header: string | undefined,
  token: string,
): 'right' | 'wrong' | 'missing' {
  if (header === undefined) return 'missing'
  const [, given] = /^Bearer +(\S+) *$/i.exec(header) ?? []
  if (given === undefined) return 'wrong'
  return isSameSecret(given, token) ? 'right' : 'wrong'
}
