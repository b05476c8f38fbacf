import Koa, { type Middleware } from 'koa'
import Router from '@koa/router'
import type { Report } from '../../shared/catalogue.ts'
import type { Log } from '../../shared/log.ts'
import type { Address } from '../../shared/settings.ts'
import type { StreamStatus } from '../router/status.ts'
import type { ViewerStreams } from '../whep/stream-port.ts'
import type { Clock } from '../clock.ts'
import type { IceServer } from '../whep/ice-server.ts'
import { httpProblem } from '../http/problem.ts'
import { RateLimit } from '../http/rate-limit.ts'
import { whepRoutes } from '../whep/routes.ts'
import type { Sessions } from '../whep/sessions.ts'
import { adminAccess } from './admin-access.ts'
import { adminRoutes } from './admin-routes.ts'
import { answerProblems } from '../http/answer-problems.ts'
import { HttpServer } from '../http/http-server.ts'
import { pages } from './pages.ts'

/** The settings that the web reads; `Config` has them all. */
export interface WebConfig {
  readonly apiToken: string | undefined
  readonly whepToken: string | undefined
  readonly strictEtag: boolean
  readonly publicBasePath: string
  readonly postsPerMinute: number
  readonly iceServers: readonly IceServer[]
}

export interface WebOptions {
  readonly config: WebConfig
  readonly sessions: Sessions
  readonly streams: ViewerStreams
  /** All registered streams, running or not. */
  readonly statuses: () => readonly StreamStatus[]
  /** Further admin routes, such as /api/v3/process; guarded like the rest. */
  readonly adminRouters?: readonly Router[]
  readonly report: Report
  readonly clock: Clock
  readonly log: Log
  /** Version of the product, for GET /api. */
  readonly version: string
}

/** The HTTP side of the media process. */
export interface Web {
  /** @throws {Error} such as EADDRINUSE */
  listen(address: Address): Promise<Address>
  /** Takes no more requests; resolves within a few seconds. Idempotent. */
  close(): Promise<void>
}

/** Puts WHEP, the admin API and the pages behind one server. */
export function createWeb(options: WebOptions): Web {
  const { config, log } = options
  const app = new Koa()
  // What was thrown is answered before it gets here. Errors with a code, such
  // as ECONNRESET, are of connections that broke off: nobody's concern.
  app.on('error', (error: Error) => {
    if (!('code' in error)) log.error('response failed', { error })
  })
  app.use(answerProblems(log))
  app.use(withoutBasePath(config.publicBasePath))
  app.use(whepRouter(options).routes())
  for (const router of publicRouters(options)) {
    app.use(router.routes()).use(refuseOtherMethods(router))
  }
  const guard = adminAccess(config.apiToken)
  for (const router of [
    adminRoutes(options),
    ...(options.adminRouters ?? []),
  ]) {
    app.use(guarded(router, guard)).use(router.routes())
    app.use(refuseOtherMethods(router))
  }
  const handle = app.callback()
  return new HttpServer((request, response) => {
    handle(request, response).catch((error: unknown) => {
      log.error('request failed', { error })
    })
  }, log)
}

function whepRouter(options: WebOptions): Router {
  const { config, sessions, streams, report, clock } = options
  return whepRoutes({
    sessions,
    streams,
    report,
    clock,
    rateLimit: new RateLimit(config.postsPerMinute, clock),
    token: config.whepToken,
    strictEtag: config.strictEtag,
    publicBasePath: config.publicBasePath,
    iceServers: config.iceServers,
  })
}

function publicRouters(options: WebOptions): readonly Router[] {
  const { config, statuses } = options
  return [
    aboutRoutes(options.version),
    // With a viewer token the streams are nobody's business but its holders'.
    pages({ statuses, listed: config.whepToken === undefined }),
  ]
}

/** Upstream Core's ping and, as far as it says nothing of this server, about. */
function aboutRoutes(version: string): Router {
  return new Router()
    .get('/ping', ctx => {
      ctx.body = 'pong'
    })
    .get('/api', ctx => {
      ctx.body = {
        app: 'dragonfork-webrtc',
        auths: [],
        version: { number: version },
      }
    })
}

/** Serves the same below the base path, for proxies that do not strip it. */
function withoutBasePath(base: string): Middleware {
  return (ctx, next) => {
    if (base === '') return next()
    if (ctx.path === base && ctx.method === 'GET') {
      ctx.status = 308
      ctx.set('Location', `${base}/`)
      return undefined
    }
    if (ctx.path.startsWith(`${base}/`)) ctx.path = ctx.path.slice(base.length)
    return next()
  }
}

/** Whatever the router would serve, by whatever spelling, meets the guard. */
function guarded(router: Router, guard: Middleware): Middleware {
  return async (ctx, next) => {
    const serves = router.match(ctx.path, ctx.method).path.length > 0
    await (serves ? guard(ctx, next) : next())
  }
}

function refuseOtherMethods(router: Router): Middleware {
  return (ctx, next) => {
    const { path, route } = router.match(ctx.path, ctx.method)
    const allowed = [...new Set(path.flatMap(({ methods }) => methods))]
    // What only the router's own middleware matches leads nowhere.
    if (route || allowed.length === 0) return next()
    throw httpProblem(
      'method-not-allowed',
      `Allowed are ${allowed.join(', ')}`,
      {
        headers: { Allow: allowed.join(', ') },
      },
    )
  }
}
