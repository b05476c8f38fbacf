import { Router } from '../../shared/runtime/router.ts'
import Koa, { type Context, type Middleware } from 'koa'
import type { Log } from '../../shared/runtime/log.ts'
import { isSameSecret } from '../../shared/runtime/secret.ts'
import type { Credentials } from '../config.ts'

export interface RouteOptions {
  readonly version: string
  readonly core: string
  /** Required for all but the health checks; undefined: all are public. */
  readonly credentials: Credentials | undefined
  readonly metrics: (ctx: Context) => Promise<void>
  readonly probe: (ctx: Context) => Promise<void>
  readonly discovery: (ctx: Context) => Promise<void>
  readonly isReady: () => boolean
  readonly log: Log
}

/** The exporter's pages. GET and HEAD only; health checks are public. */
export function createRoutes(options: RouteOptions): Koa {
  const { version, core, credentials, metrics, isReady, log } = options
  const landing = landingPage(version, core)
  const guard = basicAuth(credentials)
  const router = new Router()
  router.get('/', guard, ctx => {
    ctx.type = 'html'
    ctx.body = landing
  })
  router.get('/metrics', guard, metrics)
  router.get('/probe', guard, options.probe)
  router.get('/sd', guard, options.discovery)
  router.get('/-/healthy', ctx => {
    ctx.body = 'Healthy\n'
  })
  router.get('/-/ready', ctx => {
    const ready = isReady()
    ctx.status = ready ? 200 : 503
    ctx.body = ready ? 'Ready\n' : 'Not ready\n'
  })
  const app = new Koa()
  app.use(errorsAsText(log))
  app.use(getAndHeadOnly)
  app.use(router.routes())
  // Koa's default listener writes to the console; errorsAsText logs.
  app.on('error', () => undefined)
  return app
}

const getAndHeadOnly: Middleware = async (ctx, next) => {
  if (ctx.method !== 'GET' && ctx.method !== 'HEAD') {
    ctx.set('Allow', 'GET, HEAD')
    ctx.throw(405, 'Method not allowed')
  }
  await next()
}

/** Answers every error with a status and a line of text, without details. */
function errorsAsText(log: Log): Middleware {
  return async (ctx, next) => {
    try {
      await next()
      if (ctx.status === 404) ctx.throw(404, 'Not found')
    } catch (error) {
      const known = error instanceof Koa.HttpError
      if (!known) log.error('request failed', { path: ctx.path, error })
      ctx.status = known ? error.status : 500
      ctx.type = 'text'
      ctx.body = `${known ? error.message : 'Internal error'}\n`
    }
  }
}

const CHALLENGE = 'Basic realm="dragonfork exporter", charset="UTF-8"'

/** Requires the credentials, if there are any (RFC 7617). */
function basicAuth(credentials: Credentials | undefined): Middleware {
  return async (ctx, next) => {
    if (credentials !== undefined) {
      const header = ctx.get('Authorization')
      const encoded = /^Basic +([A-Za-z0-9+/=]+)$/i.exec(header)?.[1] ?? ''
      const given = Buffer.from(encoded, 'base64').toString('utf8')
      const { user, password } = credentials
      if (!isSameSecret(given, `${user}:${password}`)) {
        ctx.set('WWW-Authenticate', CHALLENGE)
        ctx.throw(401, 'Name and password needed')
      }
    }
    await next()
  }
}

/** The page at `/`, with links to the others. */
function landingPage(version: string, core: string): string {
  return `<!doctype html>
<html lang="en">
  <head>
    <meta charset="utf-8">
    <meta name="viewport" content="width=device-width">
    <title>Dragon Fork WebRTC exporter</title>
  </head>
  <body>
    <h1>Dragon Fork WebRTC exporter</h1>
    <p>Version ${escapeHtml(version)}, core ${escapeHtml(core)}.</p>
    <ul>
      <li><a href="metrics">Metrics</a></li>
      <li><a href="sd">Streams to probe</a></li>
      <li><a href="-/healthy">Health</a></li>
      <li><a href="-/ready">Readiness</a></li>
    </ul>
  </body>
</html>
`
}

function escapeHtml(text: string): string {
  return text.replace(/[&<>"]/g, char => `&#${char.charCodeAt(0)};`)
}
