import type { Context } from 'koa'

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

/**
 * Adds the headers of an OPTIONS response, with or without Origin: as a client,
 * mediamtx reads the methods to find out whether trickle ICE is supported.
 */
export function answerPreflight(ctx: Context): void {
  ctx.set('Access-Control-Allow-Methods', METHODS)
  ctx.set('Access-Control-Allow-Headers', REQUEST_HEADERS)
  ctx.set('Access-Control-Max-Age', '7200')
}
