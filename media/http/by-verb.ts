import type { RouterContext } from '@koa/router'
import { allowAnyOrigin } from './cors.ts'
import { httpProblem } from './problem.ts'

/** Answers one request, or throws a Problem. */
export type Handler = (ctx: RouterContext) => void | Promise<void>

/** Picks the handler by verb; other verbs are told which there are. */
export function byVerb(verbs: Readonly<Record<string, Handler>>): Handler {
  const allowed = Object.keys(verbs).join(', ')
  return async ctx => {
    allowAnyOrigin(ctx)
    const handle = Object.hasOwn(verbs, ctx.method)
      ? verbs[ctx.method]
      : undefined
    if (handle === undefined) {
      throw httpProblem('method-not-allowed', `Allowed are ${allowed}`, {
        headers: { Allow: allowed },
      })
    }
    await handle(ctx)
  }
}
