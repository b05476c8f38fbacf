import type { IncomingMessage } from 'node:http'
import type { Clock } from '../clock.ts'
import { readBody } from './body.ts'
import { httpProblem } from './problem.ts'

/** Maximum size of a JSON body, bytes. */
const MAX_JSON_BYTES = 1024 * 1024

const JSON_TYPE = /^application\/([\w.-]+\+)?json\s*(;|$)/i

/**
 * Reads the JSON body of a request.
 *
 * A body without a type is accepted, except from a browser, which sends an
 * Origin: a page may send such a body to any address without a preflight, and
 * clients on loopback need no token.
 * @throws {Problem} `media-type`, `not-json`, `body-too-large`,
 *   `request-too-slow`
 * @throws {Error} when the client hangs up before the end
 */
export async function readJsonBody(
  request: IncomingMessage,
  clock: Clock,
): Promise<unknown> {
  const type = request.headers['content-type']
  const accepted =
    type === undefined
      ? request.headers.origin === undefined
      : JSON_TYPE.test(type)
  if (!accepted) {
    const got = type ?? 'no type'
    throw httpProblem('media-type', `Expected application/json, got ${got}`)
  }
  const text = await readBody(request, MAX_JSON_BYTES, clock)
  try {
    return JSON.parse(text)
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause)
    const detail = text === '' ? 'The body is empty' : reason
    throw httpProblem('not-json', detail, { cause })
  }
}
