import type { Context, Middleware } from 'koa'
import type { Log } from '../../shared/runtime/log.ts'

/** Methods of all WHEP resources; a preflight lists them all. */
const METHODS = 'POST, PATCH, DELETE, GET, HEAD, OPTIONS'

// Not `*`, which does not cover Authorization (Fetch, 4.10). The Eyevinn WHIP
// SDK sends ETag instead of If-Match.
const REQUEST_HEADERS = 'Authorization, Content-Type, If-Match, ETag'

/**
 * Headers of every response, errors too. Requests carry no cookies, so `*` is
 * enough, and it needs no Vary.
 */
export const CORS_HEADERS = {
  'Access-Control-Allow-Origin': '*',
  'Access-Control-Expose-Headers':
    'Location, ETag, Link, Accept-Post, Accept-Patch, Retry-After, ' +
    'WWW-Authenticate, Allow',
} as const

/** Lets players of any origin read the response. */
export function allowAnyOrigin(ctx: Context): void {
  ctx.set(CORS_HEADERS)
}

/** Which origins may read responses: all, or the listed ones. */
export type AllowedOrigins = '*' | readonly string[]

/** Rejected origins that are logged; further ones are rejected silently. */
const MAX_LOGGED_ORIGINS = 100
/** Characters of an origin that are logged. */
const MAX_ORIGIN_LENGTH = 200

/**
 * Restricts CORS to the allowed origins: an allowed one gets its own name
 * instead of `*` (Fetch 3.2.3), any other gets no CORS headers and is logged
 * once. Comes before the middleware that answers errors.
 */
export function restrictOrigins(allowed: AllowedOrigins, log: Log): Middleware {
  if (allowed === '*') return (_ctx, next) => next()
  const logged = new Set<string>()
  return async (ctx, next) => {
    await next()
    if (ctx.response.get('Access-Control-Allow-Origin') === '') return
    ctx.vary('Origin')
    const origin = ctx.get('Origin')
    if (allowed.includes(origin)) {
      ctx.set('Access-Control-Allow-Origin', origin)
      return
    }
    for (const name of Object.keys(ctx.response.headers)) {
      if (name.startsWith('access-control-')) ctx.remove(name)
    }
    if (origin === '' || logged.has(origin)) return
    if (logged.size >= MAX_LOGGED_ORIGINS) return
    logged.add(origin)
    log.warn('origin is not allowed', {
      origin: origin.slice(0, MAX_ORIGIN_LENGTH),
      setting: 'CORE_WEBRTC_ALLOW_ORIGINS',
    })
  }
}

/**
 * Adds the headers of an OPTIONS response, with or without Origin: as a client,
 * mediamtx reads the methods to find out whether trickle ICE is supported.
 */
export function answerPreflight(ctx: Context): void {
  ctx.set('Access-Control-Allow-Methods', METHODS)
  ctx.set('Access-Control-Allow-Headers', REQUEST_HEADERS)
  ctx.set('Access-Control-Max-Age', '7200')
  // A page from the Internet may then reach this server in a home network
  // (Private Network Access 3.1).
  if (ctx.get('Access-Control-Request-Private-Network') === 'true') {
    ctx.set('Access-Control-Allow-Private-Network', 'true')
  }
}
