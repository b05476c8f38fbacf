import type { ServerResponse } from 'node:http'
import Router, { type RouterContext } from '@koa/router'
import type { Report } from '../../shared/catalogue.ts'
import type { ViewerStream, ViewerStreams } from '../router/viewer.ts'
import { checkBearer } from './bearer.ts'
import { readBody } from './body.ts'
import type { Clock } from './clock.ts'
import { allowAnyOrigin, answerPreflight } from './cors.ts'
import { counted } from './counted.ts'
import { matches } from './entity-tag.ts'
import { readFragment } from './fragment.ts'
import { linkHeaders, type IceServer } from './ice-server.ts'
import type { Precondition } from './ice-session.ts'
import { Problem } from './problem.ts'
import type { RateLimit } from './rate-limit.ts'
import { SdpError } from './sdp-text.ts'
import type { Sessions } from './sessions.ts'

const OFFER = 'application/sdp'
const FRAGMENT = 'application/trickle-ice-sdpfrag'

export interface WhepRoutesOptions {
  readonly sessions: Sessions
  readonly streams: ViewerStreams
  readonly rateLimit: RateLimit
  readonly report: Report
  readonly clock: Clock
  /** Bearer token of viewers; undefined: anybody may view. */
  readonly token: string | undefined
  readonly strictEtag: boolean
  /** Path before Location, such as `/live`, or ''. */
  readonly publicBasePath: string
  readonly iceServers: readonly IceServer[]
}

type Handler = (ctx: RouterContext) => void | Promise<void>

/** The WHEP endpoint and its session resources: verbs, nothing else. */
export function whepRoutes(options: WhepRoutesOptions): Router {
  const { sessions, streams, clock, report } = options
  const { token, rateLimit, strictEtag, publicBasePath, iceServers } = options
  const counting = {
    report,
    clock,
    streamOf: (ctx: RouterContext) => streams.find(param(ctx, 'id'))?.id,
  }

  const post: Handler = async ctx => {
    requireToken(ctx, token)
    limitRate(ctx, rateLimit)
    const stream = findStream(ctx, streams)
    requireType(ctx, OFFER, 'Accept-Post')
    const offer = await readBody(ctx.req)
    const hungUp = hangUpOf(ctx.res)
    const { session, answer } = await sessions.open(stream, offer, {
      userAgent: ctx.get('User-Agent'),
      signal: hungUp,
    })
    // Also from here until the last byte is out: nobody would ever DELETE it.
    hungUp.addEventListener('abort', () => {
      session.end('abandoned')
    })
    ctx.status = 201
    ctx.set('Content-Type', OFFER)
    const path = `/api/v3/whep/${encodeURIComponent(stream.id)}/${session.id}`
    ctx.set('Location', `${publicBasePath}${path}`)
    ctx.set('ETag', session.ice.etag)
    setLinks(ctx, iceServers, clock)
    ctx.body = answer
  }

  const patch: Handler = async ctx => {
    refuseWrongToken(ctx, token)
    const session = sessions.get(param(ctx, 'id'), param(ctx, 'r'))
    requireType(ctx, FRAGMENT, 'Accept-Patch')
    const fragment = parseFragment(await readBody(ctx.req))
    const outcome = await session.patch(fragment, precondition(ctx, strictEtag))
    if (outcome.at === 'taken') {
      ctx.status = 204
      return
    }
    ctx.status = 200
    ctx.set('Content-Type', FRAGMENT)
    ctx.set('ETag', outcome.etag)
    ctx.body = outcome.body
  }

  const remove: Handler = ctx => {
    refuseWrongToken(ctx, token)
    // 204 for any id: whether it existed is nobody's business.
    sessions.end(param(ctx, 'id'), param(ctx, 'r'), 'deleted')
    ctx.status = 204
  }

  const showEndpoint: Handler = ctx => {
    requireToken(ctx, token)
    findStream(ctx, streams)
    answerEmpty(ctx)
  }

  const showSession: Handler = ctx => {
    refuseWrongToken(ctx, token)
    sessions.get(param(ctx, 'id'), param(ctx, 'r'))
    answerEmpty(ctx)
  }

  const preflight: Handler = ctx => {
    answerPreflight(ctx)
    ctx.set('Accept-Post', OFFER)
    ctx.set('Accept-Patch', FRAGMENT)
    const trusted =
      token === undefined ||
      checkBearer(ctx.headers.authorization, token) === 'right'
    const open = iceServers.filter(({ credentials }) => !credentials)
    setLinks(ctx, trusted ? iceServers : open, clock)
    ctx.status = 200
    ctx.body = ''
  }

  const endpoint = byVerb({
    POST: counted('POST', post, counting),
    GET: showEndpoint,
    HEAD: showEndpoint,
    OPTIONS: preflight,
  })
  const session = byVerb({
    PATCH: counted('PATCH', patch, counting),
    DELETE: counted('DELETE', remove, counting),
    GET: showSession,
    HEAD: showSession,
    OPTIONS: preflight,
  })
  // Not strict: a trailing slash is served, never redirected (draft, 4.5).
  return new Router({ prefix: '/api/v3/whep' })
    .all('/:id', endpoint)
    .all('/:id/:r', session)
}

/** Picks the handler by verb; other verbs are told which there are. */
function byVerb(verbs: Readonly<Record<string, Handler>>): Handler {
  const allowed = Object.keys(verbs).join(', ')
  return async ctx => {
    allowAnyOrigin(ctx)
    const handle = Object.hasOwn(verbs, ctx.method)
      ? verbs[ctx.method]
      : undefined
    if (handle === undefined) {
      throw new Problem('method-not-allowed', `Allowed are ${allowed}`, {
        headers: { Allow: allowed },
      })
    }
    await handle(ctx)
  }
}

function param(ctx: RouterContext, name: 'id' | 'r'): string {
  return ctx.params[name] ?? ''
}

function requireToken(ctx: RouterContext, token: string | undefined): void {
  refuseWrongToken(ctx, token)
  if (token === undefined || ctx.headers.authorization !== undefined) return
  throw new Problem('token-missing', 'This server has CORE_WHEP_TOKEN set', {
    headers: { 'WWW-Authenticate': 'Bearer realm="whep"' },
  })
}

/** The URL of a session is a capability: it needs no token beside it. */
function refuseWrongToken(ctx: RouterContext, token: string | undefined): void {
  if (token === undefined) return
  if (checkBearer(ctx.headers.authorization, token) !== 'wrong') return
  throw new Problem('token-wrong', 'It is not what CORE_WHEP_TOKEN says', {
    headers: {
      'WWW-Authenticate': 'Bearer realm="whep", error="invalid_token"',
    },
  })
}

function limitRate(ctx: RouterContext, rateLimit: RateLimit): void {
  const waitSeconds = rateLimit.take(ctx.req.socket.remoteAddress ?? '')
  if (waitSeconds === 0) return
  throw new Problem(
    'too-many-posts',
    `The next one is taken in ${waitSeconds} seconds`,
    { headers: { 'Retry-After': String(waitSeconds) } },
  )
}

function findStream(ctx: RouterContext, streams: ViewerStreams): ViewerStream {
  const stream = streams.find(param(ctx, 'id'))
  if (stream !== undefined) return stream
  throw new Problem('stream-unknown', 'No stream is registered by this id')
}

function requireType(
  ctx: RouterContext,
  type: string,
  accept: 'Accept-Post' | 'Accept-Patch',
): void {
  const given = ctx.get('Content-Type').split(';', 1)[0]?.trim().toLowerCase()
  if (given === type) return
  throw new Problem(
    'media-type',
    given === ''
      ? `Content-Type is missing; send ${type}`
      : `Content-Type must be ${type}`,
    { headers: { [accept]: type } },
  )
}

function parseFragment(body: string): ReturnType<typeof readFragment> {
  try {
    return readFragment(body)
  } catch (error) {
    if (!(error instanceof SdpError)) throw error
    throw new Problem('malformed-fragment', error.message, { cause: error })
  }
}

/** If-Match must name the ICE session (draft, 4.3.2). */
function precondition(ctx: RouterContext, strict: boolean): Precondition {
  const ifMatch = ctx.headers['if-match']
  return (etag, restart) => {
    if (ifMatch === undefined) {
      if (!strict && !restart) return
      throw new Problem('etag-missing', 'The request has no If-Match')
    }
    if (matches(ifMatch, etag)) return
    throw new Problem('etag-stale', 'If-Match is not the current ETag')
  }
}

function answerEmpty(ctx: RouterContext): void {
  ctx.status = 200
  ctx.set('Content-Type', OFFER)
  ctx.body = ''
}

/** One header line a server: clients do not part joined ones (C8). */
function setLinks(
  ctx: RouterContext,
  servers: readonly IceServer[],
  clock: Clock,
): void {
  const links = linkHeaders(servers, clock.unixMs())
  if (links.length > 0) ctx.set('Link', [...links])
}

/** Aborted when the connection ends before the whole answer is out. */
function hangUpOf(response: ServerResponse): AbortSignal {
  const hungUp = new AbortController()
  const check = () => {
    if (!response.writableFinished) hungUp.abort()
  }
  if (response.closed) check()
  else response.once('close', check)
  return hungUp.signal
}
