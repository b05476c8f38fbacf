import type { IncomingMessage } from 'node:http'
import type { Clock } from '../clock.ts'
import { httpProblem, type Problem } from './problem.ts'

/**
 * Time a body has to arrive, milliseconds. Less than the server's own limit
 * on requests, whose answer neither players nor the metrics would see.
 */
export const BODY_TIMEOUT_MS = 15_000

/**
 * Reads a request's body as UTF-8 text. What exceeds the limit is not kept;
 * Node throws the rest away once the answer is out, so the connection lives.
 * @throws {Problem} `body-too-large`, `request-too-slow`
 * @throws {Error} when the client hangs up before the end
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
    body.reject(new Error('Cannot read the body: the client hung up'))
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
    // 'error' stays heard: an abort may still raise it.
    request.resume()
  }
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
    `The body has to arrive within ${BODY_TIMEOUT_MS / 1000} seconds`,
    // RFC 9110, 15.5.9: the rest is not waited for.
    { headers: { Connection: 'close' } },
  )
}
