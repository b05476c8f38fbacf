import { request } from 'undici'

/** A POST of an offer, answered with 201. */
export interface Posted {
  /** Time from the request to the last byte of the answer. */
  readonly ms: number
  readonly session: URL
}

/**
 * POSTs an offer.
 * @throws {Error} with the response if it is not 201
 */
export async function post(endpoint: string, offer: string): Promise<Posted> {
  const startMs = performance.now()
  const { statusCode, headers, body } = await request(endpoint, {
    method: 'POST',
    headers: { 'content-type': 'application/sdp' },
    body: offer,
  })
  const text = await body.text()
  const ms = performance.now() - startMs
  const { location } = headers
  if (statusCode !== 201 || typeof location !== 'string') {
    throw new Error(`POST ${endpoint} got ${statusCode}: ${text}`)
  }
  return { ms, session: new URL(location, endpoint) }
}

/** Ends a session. */
export async function end(session: URL): Promise<void> {
  const { body } = await request(session, { method: 'DELETE' })
  await body.dump()
}
