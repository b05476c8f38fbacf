import Router, { type RouterContext } from '@koa/router'
import type { Report } from '../../shared/catalogue.ts'
import type { ViewerStream, ViewerStreams } from './stream-port.ts'
import { checkBearer } from '../http/bearer.ts'
import { readBody } from '../http/body.ts'
import { byMethod, type Handler } from '../http/by-method.ts'
import type { Clock } from '../clock.ts'
import { answerPreflight } from '../http/cors.ts'
import { counted } from './counted.ts'
import { clientAbortSignal } from '../http/http-server.ts'
import { linkHeaders, type IceServer } from './ice-server.ts'
import { whepProblem } from './problems.ts'
import type { RateLimit } from '../http/rate-limit.ts'
import {
  limitRate,
  parseFragment,
  preconditionOf,
  refuseWrongToken,
  requireToken,
  requireType,
} from './request-checks.ts'
import type { Sessions } from './sessions.ts'

const OFFER = 'application/sdp'
const FRAGMENT = 'application/trickle-ice-sdpfrag'
/** Maximum size of an offer or fragment, bytes. */
const MAX_SDP_BYTES = 64 * 1024

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
    const offer = await readBody(ctx.req, MAX_SDP_BYTES, clock)
    const hungUp = clientAbortSignal(ctx.res)
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
    const fragment = parseFragment(
      await readBody(ctx.req, MAX_SDP_BYTES, clock),
    )
    const outcome = await session.patch(
      fragment,
      preconditionOf(ctx, strictEtag),
    )
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

  const endpoint = byMethod({
    POST: counted('POST', post, counting),
    GET: showEndpoint,
    HEAD: showEndpoint,
    OPTIONS: preflight,
  })
  const session = byMethod({
    PATCH: counted('PATCH', patch, counting),
    DELETE: counted('DELETE', remove, counting),
    GET: showSession,
    HEAD: showSession,
    OPTIONS: preflight,
  })
  // Not strict: a trailing slash is served, never redirected (draft, 4.5).
  const router = new Router({ prefix: '/api/v3/whep' })
  router.all('/:id', endpoint).all('/:id/:r', session)
  // Else no browser would get as far as the 404 of a wrong address.
  router.options('{/*rest}', byMethod({ OPTIONS: preflight }))
  return router
}

function param(ctx: RouterContext, name: 'id' | 'r'): string {
  return ctx.params[name] ?? ''
}

function findStream(ctx: RouterContext, streams: ViewerStreams): ViewerStream {
  const stream = streams.find(param(ctx, 'id'))
  if (stream !== undefined) return stream
  throw whepProblem('stream-unknown', 'No stream is registered by this id')
}

function answerEmpty(ctx: RouterContext): void {
  ctx.status = 200
  ctx.set('Content-Type', OFFER)
  ctx.body = ''
}

/** One Link header per server: clients do not split comma-joined ones */
function setLinks(
  ctx: RouterContext,
  servers: readonly IceServer[],
  clock: Clock,
): void {
  const links = linkHeaders(servers, clock.epochMs())
  if (links.length > 0) ctx.set('Link', [...links])
}
