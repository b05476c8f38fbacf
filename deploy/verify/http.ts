import { reasonOf } from '../../shared/runtime/errors.ts'
import { request } from 'undici'

const TIMEOUT_MS = 10_000

export interface Ask {
  readonly method?: 'GET' | 'POST' | 'DELETE'
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string
}

export interface Answer {
  readonly status: number
  readonly location: string
  readonly text: string
}

/** Asks and reads the whole answer, whatever its status. */
export async function ask(url: string, given: Ask = {}): Promise<Answer> {
  const { method = 'GET', headers = {}, body } = given
  const response = await request(url, {
    method,
    headers,
    ...(body === undefined ? {} : { body }),
    headersTimeout: TIMEOUT_MS,
    bodyTimeout: TIMEOUT_MS,
  }).catch((cause: unknown) => {
    const reason = reasonOf(cause)
    throw new Error(`${url} does not answer: ${reason}`, { cause })
  })
  const { location } = response.headers
  return {
    status: response.statusCode,
    location: typeof location === 'string' ? location : '',
    text: await response.body.text(),
  }
}

/**
 * The JSON at `url`; its reader says of what shape it is.
 * @throws {Error} when the status is not 200
 */
export async function askJson<Shape>(
  url: string,
  headers: Readonly<Record<string, string>> = {},
): Promise<Shape> {
  const { status, text } = await ask(url, { headers })
  if (status !== 200) throw new Error(`${url} answers ${status}`)
  return JSON.parse(text) as Shape
}

/** Headers that carry a bearer token, where there is one. */
export function bearer(
  token: string | undefined,
): Readonly<Record<string, string>> {
  return token === undefined ? {} : { authorization: `Bearer ${token}` }
}

/** Tries until `attempt` does not throw; its last error comes through. */
export type Patiently = <Value>(attempt: () => Promise<Value>) => Promise<Value>

/** Patience for so long, milliseconds: what has just started takes a while. */
export function patienceOf(limitMs: number): Patiently {
  return attempt => retry(limitMs, attempt)
}

async function retry<Value>(
  limitMs: number,
  attempt: () => Promise<Value>,
): Promise<Value> {
  const endMs = performance.now() + limitMs
  for (;;) {
    try {
      return await attempt()
    } catch (error) {
      if (performance.now() > endMs) throw error
    }
    await new Promise(resolve => setTimeout(resolve, 500))
  }
}
