import type { Context } from 'koa'

/** Verbs that any WHEP resource answers; a preflight names them all. */
const METHODS = 'POST, PATCH, DELETE, GET, HEAD, OPTIONS'

// Never `*`: that does not cover Authorization (Fetch, 4.10). ETag is sent by
// the Eyevinn WHIP SDK in place of If-Match.
const REQUEST_HEADERS = 'Authorization, Content-Type, If-Match, ETag'

const EXPOSED_HEADERS =
  'Location, ETag, Link, Accept-Post, Accept-Patch, Retry-After, ' +
  'WWW-Authenticate, Allow'

/**
 * Lets players of any origin read the response; on every one of them, errors
 * too. No credentials are involved, so `*` does, and needs no Vary.
 */
export function allowAnyOrigin(ctx: Context): void {
  ctx.set('Access-Control-Allow-Origin', '*')
  ctx.set('Access-Control-Expose-Headers', EXPOSED_HEADERS)
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
