import type { Middleware } from 'koa'
import { requireBearer, type BearerToken } from '../http/bearer.ts'
import { isLocalClient } from '../http/local-client.ts'
import { adminProblem } from './admin-problems.ts'

/**
 * Guards the admin API: it requires the bearer token or, if none is set, a
 * client on this machine.
 */
export function adminAccess(token: BearerToken | undefined): Middleware {
  return (ctx, next) => {
    if (token !== undefined) requireBearer(ctx.headers.authorization, token)
    else if (!isLocalClient(ctx.req)) {
      throw adminProblem(
        'admin-local-only',
        'CORE_API_TOKEN is not set, so only clients on this machine have access',
      )
    }
    return next()
  }
}
