import type { Middleware } from 'koa'
import type { Log } from '../../shared/log.ts'
import { allowAnyOrigin } from './cors.ts'
import { httpProblem, problemBody, toProblem } from './problem.ts'

/** The one error path: whatever is thrown becomes application/problem+json. */
export function answerProblems(log: Log): Middleware {
  return async (ctx, next) => {
    try {
      await next()
      if (ctx.status === 404 && ctx.body === undefined) {
        throw httpProblem('not-found', 'No route leads there')
      }
    } catch (error) {
      // Nobody is there to be told.
      if (ctx.res.destroyed) return
      const problem = toProblem(error)
      if (problem.code === 'internal') {
        log.error('request failed', { method: ctx.method, error })
      }
      // A player with a wrong address has to be able to read so.
      if (problem.code === 'not-found') allowAnyOrigin(ctx)
      ctx.status = problem.status
      ctx.set(problem.headers)
      ctx.set('Content-Type', 'application/problem+json')
      ctx.set('Cache-Control', 'no-store')
      ctx.body = JSON.stringify(problemBody(problem))
    }
  }
}
