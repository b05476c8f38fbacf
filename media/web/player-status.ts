import { Router } from '../http/router.ts'
import { requireBearer, type BearerToken } from '../http/bearer.ts'
import type { LegStatus, StreamStatus } from '../stream/status.ts'
import {
  sourceFault,
  type SourceFault,
  type SourceRun,
} from './source-fault.ts'
import { whepProblem } from '../whep/problems.ts'
import type { MediaKind } from '../whep/stream-port.ts'

export interface PlayerStatusOptions {
  /** The status of a registered stream. */
  readonly statusOf: (id: string) => StreamStatus | undefined
  /** The last run of the stream's FFmpeg; undefined: it has none. */
  readonly sourceRun: (id: string) => SourceRun | undefined
  /** The token of viewers; undefined: viewing is public. */
  readonly token: BearerToken | undefined
}

/** The response of GET /player/{id}/status: no addresses, no counts. */
export interface PlayerStatus {
  readonly state: StreamStatus['state']
  readonly degraded: boolean
  readonly degraded_reason?: string
  /** Why the source cannot be opened, if that is what the stream lacks. */
  readonly source_fault?: SourceFault
  readonly legs: Readonly<Partial<Record<MediaKind, Pick<LegStatus, 'state'>>>>
}

/** The state of a stream, for the player page. */
export function playerStatus({
  statusOf,
  sourceRun,
  token,
}: PlayerStatusOptions): Router {
  return new Router({ strict: true }).get('/player/:id/status', ctx => {
    requireBearer(ctx.headers.authorization, token)
    const status = statusOf(ctx.params['id'] ?? '')
    if (status === undefined) {
      throw whepProblem('stream-unknown', 'No registered stream has this id')
    }
    ctx.set('Cache-Control', 'no-store')
    const isDown = status.degraded && status.state !== 'live'
    const run = isDown ? sourceRun(status.id) : undefined
    ctx.body = forViewers(status, run && sourceFault(run))
  })
}

function forViewers(
  status: StreamStatus,
  fault: SourceFault | undefined,
): PlayerStatus {
  const { state, degraded, degraded_reason: reason, legs } = status
  return {
    state,
    degraded,
    ...(reason !== undefined && { degraded_reason: reason }),
    ...(fault !== undefined && { source_fault: fault }),
    legs: {
      ...(legs.video && { video: { state: legs.video.state } }),
      ...(legs.audio && { audio: { state: legs.audio.state } }),
    },
  }
}
