import type { Context } from 'koa'

/** Verbs that any WHEP resource answers; a preflight names them all. */
const METHODS = 'POST, PATCH, DELETE, GET, HEAD, OPTIONS'

// Never `*`: that does not cover Authorization (Fetch, 4.10). ETag is sent by
// the Eyevinn WHIP SDK in place of If-Match.
const REQUEST_HEADERS = 'Authorization, Content-Type, If-Match, ETag'

/**
 * On every response, errors too. No credentials are involved, so `*` does, and
 * needs no Vary.
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

/**
 * What OPTIONS adds. Also without Origin: mediamtx as a client reads the
 * methods to find out whether it may trickle.
 */
export function answerPreflight(ctx: Context): void {
  ctx.set('Access-Control-Allow-Methods', METHODS)
  ctx.set('Access-Control-Allow-Headers', REQUEST_HEADERS)
  ctx.set('Access-Control-Max-Age', '7200')
}
