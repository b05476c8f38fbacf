/**
 * media/web is the HTTP side of the media process.
 * Owns: the admin API of streams and viewers, the pages, the player.
 * Gets: whep/'s routes and sessions, the streams' states, further routes.
 * Gives: one server for HTTP, and one for HTTPS if it is configured.
 */
import type { RequestListener } from 'node:http'
import Koa, { type Middleware } from 'koa'
import type { Report } from '../../shared/protocol/catalogue.ts'
import type { Log } from '../../shared/runtime/log.ts'
import type { Address } from '../../shared/runtime/settings.ts'
import type { TlsFiles } from '../../shared/runtime/tls.ts'
import type { StreamStatus } from '../stream/status.ts'
import type { ViewerStreams } from '../whep/stream-port.ts'
import type { Clock } from '../../shared/runtime/clock.ts'
import type { IceServer } from '../whep/ice-server.ts'
import { Router } from '../../shared/runtime/router.ts'
import type { BearerToken } from '../http/bearer.ts'
import { restrictOrigins, type AllowedOrigins } from '../http/cors.ts'
import { httpProblem } from '../http/problem.ts'
import { RateLimit } from '../http/rate-limit.ts'
import { drainingProblem } from '../whep/problems.ts'
import { whepRoutes } from '../whep/routes.ts'
import type { Drain } from '../whep/drain.ts'
import type { SessionsByKind } from '../whep/sessions.ts'
import { adminAccess } from './admin-access.ts'
import { adminRoutes } from './admin-routes.ts'
import { drainRoutes } from './drain-routes.ts'
import { answerProblems } from '../http/answer-problems.ts'
import { HttpServer } from '../http/http-server.ts'
import { pages } from './pages.ts'
import { playerStatus } from './player-status.ts'
import type { SourceRun } from './source-fault.ts'

/** The settings of the HTTP server, a part of `Config`. */
export interface WebConfig {
  readonly apiToken: string | undefined
  readonly whepToken: string | undefined
  readonly exporterToken: string | undefined
  readonly strictEtag: boolean
  readonly publicBasePath: string
  readonly postsPerMinute: number
  readonly iceServers: readonly IceServer[]
  readonly allowOrigins: AllowedOrigins
}

export interface WebOptions {
  readonly config: WebConfig
  readonly sessions: SessionsByKind
  readonly drain: Drain
  readonly streams: ViewerStreams
  /** All registered streams, also those that are stopped. */
  readonly statuses: () => readonly StreamStatus[]
  /** The status of one stream. */
  readonly statusOf: (id: string) => StreamStatus | undefined
  /** The last run of a stream's FFmpeg; undefined: it has none. */
  readonly sourceRun?: (id: string) => SourceRun | undefined
  /** Further routes of the admin API, such as /api/v3/process. */
  readonly adminRouters?: readonly Router[]
  readonly report: Report
  readonly clock: Clock
  readonly log: Log
  /** Version of the product, for GET /api. */
  readonly version: string
}

/** The HTTP side of the media process. */
export interface Web {
  /**
   * Listens for HTTP.
   * @throws {Error} such as EADDRINUSE
   */
  listen(address: Address): Promise<Address>
  /**
   * Listens for HTTPS, in addition.
   * @throws {Error} such as EADDRINUSE, or if the files cannot be read
   */
  listenTls(address: Address, files: TlsFiles): Promise<Address>
  /** Stops accepting requests; resolves within a few seconds. Idempotent. */
  close(): Promise<void>
}

/** Serves WHEP, the admin API and the pages. */
export function createWeb(options: WebOptions): Web {
  const { config, log } = options
  const app = new Koa()
  // Route errors are handled earlier. Errors with a code, such as ECONNRESET,
  // come from broken connections, not from the server.
  app.on('error', (error: Error) => {
    if (!('code' in error)) log.error('response failed', { error })
  })
  app.use(restrictOrigins(config.allowOrigins, log))
  app.use(answerProblems(log))
  app.use(withoutBasePath(config.publicBasePath))
  app.use(whepRouter(options).routes())
  for (const router of publicRouters(options)) {
    app.use(router.routes()).use(rejectOtherMethods(router))
  }
  const guard = adminAccess(
    bearerToken(config.apiToken, 'admin', 'CORE_API_TOKEN'),
  )
  for (const router of [
    adminRoutes(options),
    drainRoutes(options),
    ...(options.adminRouters ?? []),
  ]) {
    app.use(guarded(router, guard)).use(router.routes())
    app.use(rejectOtherMethods(router))
  }
  const callback = app.callback()
  const handle: RequestListener = (request, response) => {
    callback(request, response).catch((error: unknown) => {
      log.error('request failed', { error })
    })
  }
  const { allowOrigins } = config
  const servers: HttpServer[] = []
  const listen = (address: Address, tls?: TlsFiles) => {
    const server = new HttpServer({
      handle,
      allowOrigins,
      log,
      ...(tls && { tls }),
    })
    servers.push(server)
    return server.listen(address)
  }
  return {
    listen: address => listen(address),
    listenTls: listen,
    close: async () => {
      await Promise.all(servers.map(server => server.close()))
    },
  }
}

function whepRouter(options: WebOptions): Router {
  const { config, sessions, streams, report, clock } = options
  return whepRoutes({
    sessions,
    streams,
    report,
    clock,
    rateLimit: new RateLimit(config.postsPerMinute, clock),
    tokens: {
      viewer: viewerToken(config),
      probe: bearerToken(config.exporterToken, 'probe', 'CORE_EXPORTER_TOKEN'),
    },
    strictEtag: config.strictEtag,
    publicBasePath: config.publicBasePath,
    iceServers: config.iceServers,
  })
}

function viewerToken({ whepToken }: WebConfig): BearerToken | undefined {
  return bearerToken(whepToken, 'whep', 'CORE_WHEP_TOKEN')
}

function bearerToken(
  token: string | undefined,
  realm: string,
  setting: string,
): BearerToken | undefined {
  return token === undefined ? undefined : { token, realm, setting }
}

function publicRouters(options: WebOptions): readonly Router[] {
  const { config, statuses, statusOf } = options
  return [
    aboutRoutes(options),
    // If a viewer token is set, the list must not show the streams without it.
    pages({ statuses, listed: config.whepToken === undefined }),
    playerStatus({
      statusOf,
      sourceRun: options.sourceRun ?? (() => undefined),
      token: viewerToken(config),
    }),
  ]
}

/** `/ping` and `/api` of datarhei Core, without details of this server. */
function aboutRoutes({
  version,
  drain,
}: Pick<WebOptions, 'version' | 'drain'>): Router {
  return new Router()
    .get('/ping', ctx => {
      // A load balancer then sends no viewers here. A health check that restarts
      // the process uses `?live`.
      if (drain.draining && ctx.query['live'] === undefined) {
        throw drainingProblem()
      }
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

/** Also serves everything below the base path: some proxies do not strip it. */
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

/** Applies the guard to all paths of the router, in any spelling. */
function guarded(router: Router, guard: Middleware): Middleware {
  return async (ctx, next) => {
    const serves = router.match(ctx.path, ctx.method).path.length > 0
    await (serves ? guard(ctx, next) : next())
  }
}

function rejectOtherMethods(router: Router): Middleware {
  return (ctx, next) => {
    const { path, route } = router.match(ctx.path, ctx.method)
    const allowed = [...new Set(path.flatMap(({ methods }) => methods))]
    // A path without methods only matches the router's middleware: 404.
    if (route || allowed.length === 0) return next()
    throw httpProblem('method-not-allowed', `Allowed: ${allowed.join(', ')}`, {
      headers: { Allow: allowed.join(', ') },
    })
  }
}
