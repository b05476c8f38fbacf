/**
 * media/whep is WHEP (REQUIREMENTS.md) and nothing else.
 * Owns: the sessions of viewers and probes, the SDP offers and answers, the caps.
 * Gets: HTTP requests, and streams that open transports (stream-port.ts).
 * Gives: responses, metrics, and the sessions for the admin API.
 */
import { Router, type RouterContext } from '../../shared/runtime/router.ts'
import type { Report } from '../../shared/protocol/catalogue.ts'
import type { Clock } from '../../shared/runtime/clock.ts'
import {
  checkBearer,
  rejectWrongBearer,
  requireBearer,
} from '../http/bearer.ts'
import { readBody } from '../http/body.ts'
import { byMethod, type Handler } from '../http/by-method.ts'
import { answerPreflight } from '../http/cors.ts'
import { clientAbortSignal } from '../http/http-server.ts'
import { httpProblem } from '../http/problem.ts'
import type { RateLimit } from '../http/rate-limit.ts'
import { clientKind, type ClientTokens } from './client-kind.ts'
import { readFragment } from './fragment.ts'
import { matches, type Precondition } from './ice-session.ts'
import { linkHeaders, type IceServer } from './ice-server.ts'
import { rethrowSdpError, whepProblem } from './problems.ts'
import { withRequestMetrics, type ClientHandler } from './request-metrics.ts'
import type { SessionsByKind } from './sessions.ts'
import type { ViewerStream, ViewerStreams } from './stream-port.ts'

const OFFER = 'application/sdp'
const FRAGMENT = 'application/trickle-ice-sdpfrag'
/** Maximum size of an offer or fragment, bytes. */
const MAX_SDP_BYTES = 64 * 1024

export interface WhepRoutesOptions {
  readonly sessions: SessionsByKind
  readonly streams: ViewerStreams
  readonly rateLimit: RateLimit
  readonly report: Report
  readonly clock: Clock
  readonly tokens: ClientTokens
  readonly strictEtag: boolean
  /** Path before Location, such as `/live`, or ''. */
  readonly publicBasePath: string
  readonly iceServers: readonly IceServer[]
}

/** The WHEP endpoint and its session resources. */
export function whepRoutes(options: WhepRoutesOptions): Router {
  const { sessions, streams, clock, report } = options
  const { tokens, rateLimit, strictEtag, publicBasePath, iceServers } = options
  const token = tokens.viewer
  const metrics = {
    report,
    clock,
    streamOf: (ctx: RouterContext) => streams.find(param(ctx, 'id'))?.id,
  }

  const post: ClientHandler = async (ctx, kind) => {
    if (kind === 'viewer') limitRate(ctx, rateLimit)
    const stream = findStream(ctx, streams)
    requireType(ctx, OFFER, 'Accept-Post')
    const offer = await readBody(ctx.req, MAX_SDP_BYTES, clock)
    const signal = clientAbortSignal(ctx.res)
    const userAgent = ctx.get('User-Agent')
    const client = { userAgent, signal }
    const { session, answer } = await sessions[kind].open(stream, offer, client)
    // A client without the whole answer cannot DELETE its session.
    signal.addEventListener('abort', () => {
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

  const patch: ClientHandler = async (ctx, kind) => {
    const session = sessions[kind].get(param(ctx, 'id'), param(ctx, 'r'))
    requireType(ctx, FRAGMENT, 'Accept-Patch')
    const body = await readBody(ctx.req, MAX_SDP_BYTES, clock)
    const fragment = rethrowSdpError('malformed-fragment', () =>
      readFragment(body),
    )
    const precondition = preconditionOf(ctx, strictEtag)
    const outcome = await session.patch(fragment, precondition)
    if (outcome.at === 'accepted') {
      ctx.status = 204
      return
    }
    ctx.status = 200
    ctx.set('Content-Type', FRAGMENT)
    ctx.set('ETag', outcome.etag)
    ctx.body = outcome.body
  }

  const remove: ClientHandler = (ctx, kind) => {
    // Always 204, so that ids cannot be probed.
    sessions[kind].end(param(ctx, 'id'), param(ctx, 'r'), 'deleted')
    ctx.status = 204
  }

  const showEndpoint: Handler = ctx => {
    requireBearer(ctx.headers.authorization, token)
    findStream(ctx, streams)
    answerEmpty(ctx)
  }

  const showSession: Handler = ctx => {
    rejectWrongBearer(ctx.headers.authorization, token)
    sessions.viewer.get(param(ctx, 'id'), param(ctx, 'r'))
    answerEmpty(ctx)
  }

  const preflight: Handler = ctx => {
    answerPreflight(ctx)
    ctx.set('Accept-Post', OFFER)
    ctx.set('Accept-Patch', FRAGMENT)
    const trusted =
      token === undefined ||
      checkBearer(ctx.headers.authorization, token.token) === 'right'
    const open = iceServers.filter(({ credentials }) => !credentials)
    setLinks(ctx, trusted ? iceServers : open, clock)
    ctx.status = 200
    ctx.body = ''
  }

  const ofEndpoint = (ctx: RouterContext) =>
    clientKind(ctx.req, tokens, 'required')
  // The URL of a session is a capability, so a viewer's token is optional.
  const ofSession = (ctx: RouterContext) =>
    clientKind(ctx.req, tokens, 'optional')
  const endpoint = byMethod({
    POST: withRequestMetrics('POST', ofEndpoint, post, metrics),
    GET: showEndpoint,
    HEAD: showEndpoint,
    OPTIONS: preflight,
  })
  const session = byMethod({
    PATCH: withRequestMetrics('PATCH', ofSession, patch, metrics),
    DELETE: withRequestMetrics('DELETE', ofSession, remove, metrics),
    GET: showSession,
    HEAD: showSession,
    OPTIONS: preflight,
  })
  // Not strict: a trailing slash is served, never redirected (draft, 4.5).
  const router = new Router({ prefix: '/api/v3/whep' })
  router.all('/:id', endpoint).all('/:id/:r', session)
  // Answer a preflight everywhere, or browsers hide the 404 of a wrong path.
  router.options('{/*rest}', byMethod({ OPTIONS: preflight }))
  return router
}

function param(ctx: RouterContext, name: 'id' | 'r'): string {
  return ctx.params[name] ?? ''
}

/** @throws {Problem} `stream-unknown` */
function findStream(ctx: RouterContext, streams: ViewerStreams): ViewerStream {
  const stream = streams.find(param(ctx, 'id'))
  if (stream !== undefined) return stream
  throw whepProblem('stream-unknown', 'No registered stream has this id')
}

/** @throws {Problem} if the client has no requests left */
function limitRate(ctx: RouterContext, rateLimit: RateLimit): void {
  const waitSeconds = rateLimit.take(ctx.req.socket.remoteAddress ?? '')
  if (waitSeconds === 0) return
  throw whepProblem(
    'too-many-posts',
    `The next request is accepted in ${waitSeconds} seconds`,
    { headers: { 'Retry-After': String(waitSeconds) } },
  )
}

/** @throws {Problem} if the body has another type; types ignore case */
function requireType(
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

/** If-Match must name the current ICE session (draft, 4.3.2). */
function preconditionOf(ctx: RouterContext, strict: boolean): Precondition {
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

function answerEmpty(ctx: RouterContext): void {
  ctx.status = 200
  ctx.set('Content-Type', OFFER)
  ctx.body = ''
}

/** One Link header per server: clients do not split comma-joined ones. */
function setLinks(
  ctx: RouterContext,
  servers: readonly IceServer[],
  clock: Clock,
): void {
  const links = linkHeaders(servers, clock.epochMs())
  if (links.length > 0) ctx.set('Link', [...links])
}
