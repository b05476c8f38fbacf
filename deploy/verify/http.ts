import { setTimeout } from 'node:timers/promises'
import { request } from 'undici'
import { reasonOf } from '../../shared/runtime/errors.ts'

const RESPONSE_TIMEOUT_MS = 10_000
const RETRY_INTERVAL_MS = 500

export interface RequestOptions {
  readonly method?: 'GET' | 'POST' | 'DELETE'
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string
  /** Time to wait for the response; default 10 s. */
  readonly timeoutMs?: number
}

export interface TextResponse {
  readonly status: number
  /** The header Location; empty if there is none. */
  readonly location: string
  readonly text: string
}

/**
 * Sends a request and reads the whole response, whatever its status.
 * @throws {Error} if there is no response
 */
export async function fetchText(
  url: string,
  options: RequestOptions = {},
): Promise<TextResponse> {
  const {
    method = 'GET',
    headers = {},
    body,
    timeoutMs = RESPONSE_TIMEOUT_MS,
  } = options
  const response = await request(url, {
    method,
    headers,
    ...(body === undefined ? {} : { body }),
    headersTimeout: timeoutMs,
    bodyTimeout: timeoutMs,
  }).catch((cause: unknown) => {
    throw new Error(`${url} does not respond: ${reasonOf(cause)}`, { cause })
  })
  const { location } = response.headers
  return {
    status: response.statusCode,
    location: typeof location === 'string' ? location : '',
    text: await response.body.text(),
  }
}

/**
 * Fetches JSON. The caller names its shape, which is not checked.
 * @throws {Error} if there is no response, or its status is not 200
 */
export async function fetchJson<Shape>(
  url: string,
  headers: Readonly<Record<string, string>> = {},
): Promise<Shape> {
  const { status, text } = await fetchText(url, { headers })
  if (status !== 200) throw new Error(`${url} returned ${status}`)
  return JSON.parse(text) as Shape
}

/** Returns the headers for a bearer token; none without a token. */
export function bearer(
  token: string | undefined,
): Readonly<Record<string, string>> {
  return token === undefined ? {} : { authorization: `Bearer ${token}` }
}

/** Calls `attempt` until it succeeds; rethrows its last error on timeout. */
export type Retry = <Value>(attempt: () => Promise<Value>) => Promise<Value>

/** Returns a Retry with this timeout: services take a while to start. */
export function retryFor(timeoutMs: number): Retry {
  return async attempt => {
    const endMs = performance.now() + timeoutMs
    for (;;) {
      try {
        return await attempt()
      } catch (error) {
        if (performance.now() > endMs) throw error
      }
      await setTimeout(RETRY_INTERVAL_MS)
    }
  }
}
