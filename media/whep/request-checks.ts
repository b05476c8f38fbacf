import type { RouterContext } from '@koa/router'
import { checkBearer } from '../http/bearer.ts'
import { matches } from './entity-tag.ts'
import { readFragment, type Fragment } from './fragment.ts'
import type { Precondition } from './ice-session.ts'
import { httpProblem } from '../http/problem.ts'
import { whepProblem } from './problems.ts'
import type { RateLimit } from '../http/rate-limit.ts'
import { SdpError } from './sdp-text.ts'

/** @throws {Problem} where a token is wanted and not there, or wrong */
export function requireToken(
  ctx: RouterContext,
  token: string | undefined,
): void {
  refuseWrongToken(ctx, token)
  if (token === undefined || ctx.headers.authorization !== undefined) return
  throw httpProblem('token-missing', 'This server has CORE_WHEP_TOKEN set', {
    headers: { 'WWW-Authenticate': 'Bearer realm="whep"' },
  })
}

/** The URL of a session is a capability: it needs no token beside it. */
export function refuseWrongToken(
  ctx: RouterContext,
  token: string | undefined,
): void {
  if (token === undefined) return
  if (checkBearer(ctx.headers.authorization, token) !== 'wrong') return
  throw httpProblem('token-wrong', 'It is not what CORE_WHEP_TOKEN says', {
    headers: {
      'WWW-Authenticate': 'Bearer realm="whep", error="invalid_token"',
    },
  })
}

/** @throws {Problem} where the client has used up its share */
export function limitRate(ctx: RouterContext, rateLimit: RateLimit): void {
  const waitSeconds = rateLimit.take(ctx.req.socket.remoteAddress ?? '')
  if (waitSeconds === 0) return
  throw whepProblem(
    'too-many-posts',
    `The next one is taken in ${waitSeconds} seconds`,
    { headers: { 'Retry-After': String(waitSeconds) } },
  )
}

/** @throws {Problem} where the body is of another type, whose names are caseless */
export function requireType(
  ctx: RouterContext,
  type: string,
  accept: 'Accept-Post' | 'Accept-Patch',
): void {
  const given = ctx.get('Content-Type').split(';', 1)[0]?.trim().toLowerCase()
  if (given === type) return
  throw httpProblem(
    'media-type',
    given === ''
      ? `Content-Type is missing; send ${type}`
      : `Content-Type must be ${type}`,
    { headers: { [accept]: type } },
  )
}

/** @throws {Problem} `malformed-fragment` */
export function parseFragment(body: string): Fragment {
  try {
    return readFragment(body)
  } catch (error) {
    if (!(error instanceof SdpError)) throw error
    throw whepProblem('malformed-fragment', error.message, { cause: error })
  }
}

/** If-Match must name the ICE session (draft, 4.3.2). */
export function preconditionOf(
  ctx: RouterContext,
  strict: boolean,
): Precondition {
  const ifMatch = ctx.headers['if-match']
  return (etag, restart) => {
    if (ifMatch === undefined) {
      if (!strict && !restart) return
      throw whepProblem('etag-missing', 'The request has no If-Match')
    }
    if (matches(ifMatch, etag)) return
    throw whepProblem('etag-stale', 'If-Match is not the current ETag')
  }
}
