import { STATUS_CODES } from 'node:http'
import type { Duplex } from 'node:stream'
import { CORS_HEADERS } from './cors.ts'
import { httpProblem, type HttpProblemCode, problemBody } from './problem.ts'

/** Ours for the errors of Node's parser; others are `bad-request`. */
const CODES: Readonly<Record<string, HttpProblemCode>> = {
  HPE_HEADER_OVERFLOW: 'header-too-large',
  ERR_HTTP_REQUEST_TIMEOUT: 'request-too-slow',
}

/**
 * Answers what Node cannot read as an HTTP request, which no route ever sees,
 * and ends the connection. Node's own answer has no body, and no header that
 * lets a page read it.
 */
export function answerBroken(
  { code = '' }: NodeJS.ErrnoException,
  socket: Duplex,
): void {
  if (!socket.writable) {
    socket.destroy()
    return
  }
  const problem = httpProblem(
    CODES[code] ?? 'bad-request',
    'The connection is closed',
  )
  const body = JSON.stringify(problemBody(problem))
  const headers = {
    ...CORS_HEADERS,
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
