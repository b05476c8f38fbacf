import type { IncomingMessage } from 'node:http'
import type { Middleware } from 'koa'
import { isLoopback } from '../../shared/settings.ts'
import { checkBearer } from '../http/bearer.ts'
import { httpProblem } from '../http/problem.ts'
import { adminProblem } from './admin-problems.ts'

/** What a proxy adds: who comes through one is not a client of this machine. */
const FORWARDED = [
  'forwarded',
  'via',
  'x-forwarded-for',
  'x-forwarded-host',
  'x-real-ip',
] as const

/** IPv4 loopback as sockets of IPv6, and URLs, spell it. */
const MAPPED_LOOPBACK = /^::ffff:(127\.[\d.]+|7f[\da-f]{2}:[\da-f]{1,4})$/

/**
 * Guards the admin API: by bearer token or, where none is set, for clients on
 * this machine only. No header can make a client local; some make it not.
 */
export function adminAccess(token: string | undefined): Middleware {
  return (ctx, next) => {
    if (token === undefined) requireLocal(ctx.req)
    else requireToken(ctx.headers.authorization, token)
    return next()
  }
}

function requireToken(header: string | undefined, token: string): void {
  const check = checkBearer(header, token)
  if (check === 'right') return
  const missing = check === 'missing'
  throw httpProblem(
    missing ? 'token-missing' : 'token-wrong',
    missing ? 'CORE_API_TOKEN is set' : 'It is not what CORE_API_TOKEN says',
    {
      headers: {
        'WWW-Authenticate': missing
          ? 'Bearer realm="admin"'
          : 'Bearer realm="admin", error="invalid_token"',
      },
    },
  )
}

function requireLocal(request: IncomingMessage): void {
  const address = request.socket.remoteAddress ?? ''
  const proxied = FORWARDED.some(name => request.headers[name] !== undefined)
  // A page whose name was rebound to 127.0.0.1 still sends its own name, and
  // one that posts here across origins sends its own origin.
  const asLocal = isLocal(hostOf(request)) && !isCrossOrigin(request)
  if (isLocal(address) && !proxied && asLocal) return
  throw adminProblem(
    'admin-local-only',
    'Without CORE_API_TOKEN only clients on this machine are answered',
  )
}

function isLocal(host: string): boolean {
  return isLoopback(host) || MAPPED_LOOPBACK.test(host)
}

function hostOf({ headers }: IncomingMessage): string {
  const host = (headers.host ?? '').toLowerCase()
  return /^\[(.*)\](?::\d+)?$/.exec(host)?.[1] ?? host.replace(/:\d+$/, '')
}

function isCrossOrigin({ headers: { origin, host } }: IncomingMessage) {
  return origin !== undefined && URL.parse(origin)?.host !== host
}
