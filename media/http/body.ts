import type { IncomingMessage } from 'node:http'
import { reasonOf } from '../../shared/runtime/errors.ts'
import type { Clock } from '../../shared/runtime/clock.ts'
import { httpProblem, type Problem } from './problem.ts'

/**
 * Time for a body to arrive, milliseconds. Shorter than the server's own
 * request timeout, whose response lacks CORS headers and is not counted.
 */
export const BODY_TIMEOUT_MS = 15_000

/** Default limit of a JSON body, bytes. */
const MAX_JSON_BYTES = 1024 * 1024

const JSON_TYPE = /^application\/([\w.-]+\+)?json\s*(;|$)/i

/**
 * Reads the body of a request as UTF-8 text. After an oversized body the
 * connection stays usable: Node drains the rest once the response is sent.
 * @throws {Problem} `body-too-large`, `request-too-slow`
 * @throws {Error} if the client disconnects before the end
 */
export async function readBody(
  request: IncomingMessage,
  maxBytes: number,
  clock: Clock,
): Promise<string> {
  const announced = Number(request.headers['content-length'] ?? 0)
  if (announced > maxBytes) throw tooLarge(announced, maxBytes)
  const body = Promise.withResolvers<string>()
  const chunks: Buffer[] = []
  let bytes = 0
  const onData = (chunk: Buffer) => {
    bytes += chunk.length
    chunks.push(chunk)
    if (bytes > maxBytes) body.reject(tooLarge(bytes, maxBytes))
  }
  const onEnd = () => {
    body.resolve(Buffer.concat(chunks).toString('utf8'))
  }
  const onClose = () => {
    body.reject(new Error('Cannot read the body: the client disconnected'))
  }
  const cancelTimer = clock.after(BODY_TIMEOUT_MS, () => {
    body.reject(tooSlow())
  })
  request.on('data', onData).once('end', onEnd).once('close', onClose)
  request.once('error', body.reject)
  try {
    return await body.promise
  } finally {
    cancelTimer()
    request.off('data', onData).off('end', onEnd).off('close', onClose)
    // Keep the 'error' listener: an abort may still emit it.
    request.resume()
  }
}

/**
 * Reads the JSON body of a request.
 *
 * A body without Content-Type is accepted, but not from a browser (which
 * sends Origin): a page can send such a body to any address without a
 * preflight, and clients on loopback need no token.
 * @throws {Problem} `media-type`, `not-json`, `body-too-large`,
 *   `request-too-slow`
 * @throws {Error} if the client disconnects before the end
 */
export async function readJsonBody(
  request: IncomingMessage,
  clock: Clock,
  maxBytes = MAX_JSON_BYTES,
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
  const text = await readBody(request, maxBytes, clock)
  try {
    return JSON.parse(text)
  } catch (cause) {
    const detail = text === '' ? 'The body is empty' : syntaxProblem(cause)
    throw httpProblem('not-json', detail)
  }
}

/** The error without its quote of the body, which may contain a password. */
function syntaxProblem(error: unknown): string {
  const message = reasonOf(error)
  return message.replace(/, (?:\.{3})?".*"(?:\.{3})? is not valid JSON$/s, '')
}

function tooLarge(bytes: number, maxBytes: number): Problem {
  return httpProblem(
    'body-too-large',
    `The body is at least ${bytes} bytes, the limit is ${maxBytes}`,
    { members: { limit_bytes: maxBytes } },
  )
}

function tooSlow(): Problem {
  return httpProblem(
    'request-too-slow',
    `The body did not arrive within ${BODY_TIMEOUT_MS / 1000} seconds`,
    // RFC 9110, 15.5.9: close instead of waiting for the rest.
    { headers: { Connection: 'close' } },
  )
}
