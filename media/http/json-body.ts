import type { IncomingMessage } from 'node:http'

/** Longest body of a request, bytes. */
export const MAX_BODY_BYTES = 1024 * 1024

export type BodyErrorCode = 'too-large' | 'wrong-type' | 'not-json'

/** Why a body is not taken. */
export class BodyError extends Error {
  override readonly name = 'BodyError'
  readonly code: BodyErrorCode

  constructor(code: BodyErrorCode, message: string, options?: ErrorOptions) {
    super(message, options)
    this.code = code
  }
}

const JSON_TYPE = /^application\/([\w.-]+\+)?json\s*(;|$)/i

/**
 * Reads the JSON body of a request.
 *
 * A body without a type is taken, but not from a browser, which names its
 * page as the origin: pages can send a body without a type anywhere without
 * asking, and a loopback client needs no token here.
 * @throws {BodyError}
 */
export async function readJsonBody(request: IncomingMessage): Promise<unknown> {
  const type = request.headers['content-type']
  const isTaken =
    type === undefined
      ? request.headers.origin === undefined
      : JSON_TYPE.test(type)
  if (!isTaken) {
    throw new BodyError(
      'wrong-type',
      `Cannot read body: expected application/json, got ${type ?? 'no type'}`,
    )
  }
  const text = await readText(request)
  try {
    return JSON.parse(text)
  } catch (cause) {
    const reason = text === '' ? 'it is empty' : messageOf(cause)
    throw new BodyError('not-json', `Cannot read body as JSON: ${reason}`, {
      cause,
    })
  }
}

async function readText(request: IncomingMessage): Promise<string> {
  const tooLarge = () =>
    new BodyError(
      'too-large',
      `Cannot read body: limit is ${MAX_BODY_BYTES} bytes`,
    )
  if (Number(request.headers['content-length'] ?? 0) > MAX_BODY_BYTES) {
    throw tooLarge()
  }
  const chunks: Buffer[] = []
  let bytes = 0
  for await (const chunk of chunksOf(request)) {
    bytes += chunk.length
    if (bytes > MAX_BODY_BYTES) throw tooLarge()
    chunks.push(chunk)
  }
  return Buffer.concat(chunks).toString('utf8')
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}

/** Leaves the connection open when no more is read: there is an answer. */
function chunksOf(request: IncomingMessage): AsyncIterable<Buffer> {
  return request.iterator({ destroyOnReturn: false })
}
