import { WHEP_ROUTES } from '../../shared/protocol/catalogue.ts'
import type { Check } from './check.ts'
import { bearer, fetchJson, fetchText, type Retry } from './http.ts'
import { makeOffer } from './offer.ts'
import { sumOf } from './prometheus.ts'

export interface WhepOptions {
  readonly coreUrl: string
  readonly promUrl: string
  readonly core: string
  readonly apiToken: string | undefined
  readonly whepToken: string | undefined
  /** The stream to use; undefined: the first one that is live. */
  readonly stream: string | undefined
  readonly retry: Retry
}

/** A stream of an installation, as its API has it. */
export interface Stream {
  readonly id: string
  readonly state: string
}

/** Checks that a session opens and closes, and that Prometheus counts both. */
export function whepCheck(options: WhepOptions): Check {
  return {
    title: 'WHEP',
    run: async () => {
      const id = options.stream ?? (await liveStream(options))
      const counts = () => countsOf(options, id)
      const before = await counts()
      await openAndClose(options, id)
      await options.retry(async () => {
        const now = await counts()
        if (now.opened <= before.opened || now.closed <= before.closed) {
          throw new Error(`Prometheus did not count the session on ${id}`)
        }
      })
      return `a session on ${id} opened and closed, and Prometheus counted both`
    },
  }
}

/** Fetches the streams of the installation at `coreUrl`. */
export function fetchStreams(
  coreUrl: string,
  apiToken: string | undefined,
): Promise<readonly Stream[]> {
  return fetchJson(`${coreUrl}/api/v3/webrtc/streams`, bearer(apiToken))
}

/** Resolves to the id of the first stream that is live. */
export function liveStream({
  coreUrl,
  apiToken,
  retry,
}: WhepOptions): Promise<string> {
  return retry(async () => {
    const streams = await fetchStreams(coreUrl, apiToken)
    const live = streams.find(({ state }) => state === 'live')
    if (live !== undefined) return live.id
    const states = streams.map(({ id, state }) => `${id} is ${state}`)
    throw new Error(
      `no stream is live: ${states.join(', ') || 'there are no streams'}`,
    )
  })
}

async function openAndClose(options: WhepOptions, id: string): Promise<void> {
  const { coreUrl, whepToken } = options
  const endpoint = `${coreUrl}/api/v3/whep/${encodeURIComponent(id)}`
  const opened = await fetchText(endpoint, {
    method: 'POST',
    headers: { 'content-type': 'application/sdp', ...bearer(whepToken) },
    body: makeOffer(),
  })
  if (opened.status !== 201) {
    throw new Error(`POST returned ${opened.status}: ${opened.text}`)
  }
  const session = new URL(opened.location, coreUrl)
  const closed = await fetchText(session.href, {
    method: 'DELETE',
    headers: bearer(whepToken),
  })
  if (closed.status !== 204) {
    throw new Error(`DELETE returned ${closed.status}: ${closed.text}`)
  }
}

async function countsOf({ promUrl, core }: WhepOptions, id: string) {
  const count = (route: string, code: number) =>
    sumOf(
      promUrl,
      `dragonfork_webrtc_whep_requests_total{core="${core}",` +
        `route="${route}",code="${code}",stream_id="${id}"}`,
    )
  return {
    opened: await count(WHEP_ROUTES.POST, 201),
    closed: await count(WHEP_ROUTES.DELETE, 204),
  }
}
