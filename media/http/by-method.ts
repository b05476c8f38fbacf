import type { RouterContext } from '@koa/router'
import { allowAnyOrigin } from './cors.ts'
import { httpProblem } from './problem.ts'

/** Answers one request, or throws a Problem. */
export type Handler = (ctx: RouterContext) => void | Promise<void>

/** Picks the handler by method; any other method answers 405 with Allow. */
export function byMethod(handlers: Readonly<Record<string, Handler>>): Handler {
  const allowed = Object.keys(handlers).join(', ')
  return async ctx => {
    allowAnyOrigin(ctx)
    const handle = Object.hasOwn(handlers, ctx.method)
      ? handlers[ctx.method]
      : undefined
    if (handle === undefined) {
      throw httpProblem('method-not-allowed', `Allowed: ${allowed}`, {
        headers: { Allow: allowed },
      })
    }
    await handle(ctx)
  }
}
