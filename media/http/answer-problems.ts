import type { Duplex } from 'node:stream'
import type { Middleware } from 'koa'
import { STATUS_CODES } from '../../shared/runtime/http-server.ts'
import type { Log } from '../../shared/runtime/log.ts'
import { allowAnyOrigin, CORS_HEADERS, type AllowedOrigins } from './cors.ts'
import {
  httpProblem,
  problemBody,
  toProblem,
  type HttpProblemCode,
} from './problem.ts'

/** Answers everything that a route throws as application/problem+json. */
export function answerProblems(log: Log): Middleware {
  return async (ctx, next) => {
    try {
      await next()
      if (ctx.status === 404 && ctx.body === undefined) {
        throw httpProblem('not-found', 'No route matches this path')
      }
    } catch (error) {
      // The client has disconnected: there is no response to write.
      if (ctx.res.destroyed) return
      const problem = toProblem(error)
      if (problem.code === 'internal') {
        log.error('request failed', { method: ctx.method, error })
      }
      // Lets a player page on another origin read why its URL is wrong.
      if (problem.code === 'not-found') allowAnyOrigin(ctx)
      ctx.status = problem.status
      ctx.set(problem.headers)
      ctx.set('Content-Type', 'application/problem+json')
      ctx.set('Cache-Control', 'no-store')
      ctx.body = JSON.stringify(problemBody(problem))
    }
  }
}

/** Problem codes for errors of Node's parser; any other is `bad-request`. */
const PARSER_CODES: Readonly<Record<string, HttpProblemCode>> = {
  HPE_HEADER_OVERFLOW: 'header-too-large',
  ERR_HTTP_REQUEST_TIMEOUT: 'request-too-slow',
}

/**
 * Answers bytes that Node cannot parse as an HTTP request, then closes the
 * connection. Such a request reaches no route, and Node's own response has
 * neither a body nor CORS headers.
 */
export function answerUnparsable(
  { code = '' }: NodeJS.ErrnoException,
  socket: Duplex,
  allowed: AllowedOrigins,
): void {
  if (!socket.writable) {
    socket.destroy()
    return
  }
  const problem = httpProblem(
    PARSER_CODES[code] ?? 'bad-request',
    'The server closes this connection',
  )
  const body = JSON.stringify(problemBody(problem))
  const headers = {
    // The Origin of such a request is unknown.
    ...(allowed === '*' && CORS_HEADERS),
    'Content-Type': 'application/problem+json',
    'Content-Length': Buffer.byteLength(body),
    Connection: 'close',
  }
  const lines = Object.entries(headers).map(
    ([name, text]) => `${name}: ${text}`,
  )
  const status = `${problem.status} ${STATUS_CODES[problem.status] ?? ''}`
  const head = [`HTTP/1.1 ${status}`, ...lines, '', ''].join('\r\n')
  socket.end(head + body, () => socket.destroy())
}
