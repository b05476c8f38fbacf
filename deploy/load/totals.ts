import { WHEP_ROUTES } from '../../shared/protocol/catalogue.ts'
import { sumOf } from '../verify/prometheus.ts'
import type { ViewerStatus } from './viewers/status.ts'

/** What both the viewers and the exporter count, since the start of each. */
export interface Totals {
  /** POSTs answered with 201. */
  readonly joined: number
  /** Viewers with ICE and DTLS done. */
  readonly connected: number
  /** DELETEs answered with 204. */
  readonly left: number
}

/** Names of the totals, in order. */
export const TOTALS = ['joined', 'connected', 'left'] as const

/** Reads the totals of these streams from Prometheus. */
export async function readTotals(
  prometheus: string,
  core: string,
  streams: readonly string[],
): Promise<Totals> {
  // An id has no characters that PromQL or its regular expressions escape,
  // except the dot.
  const ids = streams.map(id => id.replaceAll('.', '[.]')).join('|')
  const of = `core="${core}",stream_id=~"${ids}"`
  const requests = (route: string, code: number) =>
    sumOf(
      prometheus,
      `dragonfork_webrtc_whep_requests_total{${of},route="${route}",code="${code}"}`,
    )
  return {
    joined: await requests(WHEP_ROUTES.POST, 201),
    connected: await sumOf(
      prometheus,
      `dragonfork_webrtc_ice_establishment_duration_seconds_count{${of},result="connected"}`,
    ),
    left: await requests(WHEP_ROUTES.DELETE, 204),
  }
}

/** Counts the same in the viewers. */
export function totalsOf(statuses: readonly ViewerStatus[]): Totals {
  const count = (is: (status: ViewerStatus) => boolean) =>
    statuses.filter(is).length
  return {
    joined: count(({ posted }) => posted === 201),
    connected: count(({ establishment }) => establishment !== undefined),
    left: count(({ deleted }) => deleted === 204),
  }
}

/** Returns what came after `before`. */
export function since(before: Totals, now: Totals): Totals {
  return {
    joined: now.joined - before.joined,
    connected: now.connected - before.connected,
    left: now.left - before.left,
  }
}
