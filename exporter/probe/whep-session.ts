import { reasonOf } from '../../shared/runtime/errors.ts'
import type { Failure } from './outcome.ts'

/** Time for DELETE, so that the answer is in time for Prometheus. */
const LEAVE_TIMEOUT_MS = 300
const MAX_BODY_BYTES = 64 * 1024
/** The problem of the media process that has too many probes. */
const TOO_MANY_PROBES = 'urn:dragonfork:problem:too-many-probes'

/** Why no session was opened. */
export class WhepError extends Error {
  override readonly name = 'WhepError'
  readonly failure: Failure

  constructor(failure: Failure, message: string, options?: ErrorOptions) {
    super(message, options)
    this.failure = failure
  }
}

export interface WhepSession {
  readonly answer: string
  /** Deletes the session. Never rejects. */
  readonly leave: () => Promise<void>
}

/**
 * POSTs the offer.
 * @throws {WhepError} if there is no response, or its status is not 201
 */
export async function openSession(
  endpoint: URL,
  headers: Readonly<Record<string, string>>,
  offer: string,
  signal: AbortSignal,
): Promise<WhepSession> {
  const { status, location, body } = await post(
    endpoint,
    headers,
    offer,
    signal,
  )
  if (status !== 201) throw rejection(status, body)
  const session = URL.parse(location, endpoint.href)
  // The token is for the media process alone.
  if (session?.origin !== endpoint.origin) {
    throw new WhepError('refused', 'Location is missing, or of another server')
  }
  const leave = async () => {
    try {
      await fetch(session, {
        method: 'DELETE',
        headers,
        redirect: 'manual',
        signal: AbortSignal.timeout(LEAVE_TIMEOUT_MS),
      })
    } catch {
      // The media process ends a probe's session by itself.
    }
  }
  return { answer: body, leave }
}

async function post(
  endpoint: URL,
  headers: Readonly<Record<string, string>>,
  offer: string,
  signal: AbortSignal,
) {
  try {
    const response = await fetch(endpoint, {
      method: 'POST',
      headers: { ...headers, 'Content-Type': 'application/sdp' },
      body: offer,
      redirect: 'manual',
      signal,
    })
    return {
      status: response.status,
      location: response.headers.get('Location') ?? '',
      body: await readBody(response),
    }
  } catch (error) {
    // fetch hides the reason, such as ECONNREFUSED, in the cause.
    const cause = error instanceof Error ? (error.cause ?? error) : error
    throw new WhepError('unreachable', reasonOf(cause), { cause: error })
  }
}

async function readBody(response: Response): Promise<string> {
  const { body } = response
  if (body === null) return ''
  const chunks: Uint8Array[] = []
  let bytes = 0
  for await (const chunk of body as AsyncIterable<Uint8Array>) {
    bytes += chunk.length
    if (bytes > MAX_BODY_BYTES) {
      throw new Error(`Cannot read body: limit is ${MAX_BODY_BYTES} bytes`)
    }
    chunks.push(chunk)
  }
  return Buffer.concat(chunks).toString('utf8')
}

function rejection(status: number, body: string): WhepError {
  const { type, title } = readProblem(body)
  const message = `POST got ${status}${title === undefined ? '' : `: ${title}`}`
  if (status === 404) return new WhepError('stream_unknown', message)
  const isBusy = status === 503 && type === TOO_MANY_PROBES
  return new WhepError(isBusy ? 'busy' : 'refused', message)
}

/** Members of a problem (RFC 9457); none if the body is something else. */
export function readProblem(body: string): { type?: string; title?: string } {
  try {
    const value: unknown = JSON.parse(body)
    if (typeof value !== 'object' || value === null) return {}
    return {
      ...('type' in value && { type: String(value.type) }),
      ...('title' in value && { title: String(value.title) }),
    }
  } catch {
    return {}
  }
}
