import { Router } from '@koa/router'
import Koa, { type Context, type Middleware } from 'koa'
import type { Log } from '../../shared/log.ts'

export interface RouteOptions {
  readonly guard: Middleware
  readonly metrics: (ctx: Context) => Promise<void>
  readonly landing: string
  readonly isReady: () => boolean
  readonly log: Log
}

/** The exporter's pages. GET and HEAD only; health is open to all. */
export function createRoutes(options: RouteOptions): Koa {
  const { guard, metrics, landing, isReady, log } = options
  const router = new Router()
  router.get('/', guard, ctx => {
    ctx.type = 'html'
    ctx.body = landing
  })
  router.get('/metrics', guard, metrics)
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
  app.use(readingOnly)
  app.use(router.routes())
  // Koa's own listener writes to the console; errorsAsText has the log.
  app.on('error', () => undefined)
  return app
}

const readingOnly: Middleware = async (ctx, next) => {
  if (ctx.method !== 'GET' && ctx.method !== 'HEAD') {
    ctx.set('Allow', 'GET, HEAD')
    ctx.throw(405, 'Method not allowed')
  }
  await next()
}

/** Every error as a status and a line of text; nothing of its insides. */
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
