import Router from '@koa/router'
import type { LegStatus, StreamStatus } from '../router/status.ts'
import type { MediaKind } from '../router/viewer.ts'
import { Problem } from '../whep/problem.ts'
import { requireToken } from '../whep/request-checks.ts'

export interface PlayerStatusOptions {
  /** The status of a registered stream. */
  readonly statusOf: (id: string) => StreamStatus | undefined
  /** Bearer token of viewers; undefined: anybody may view. */
  readonly token: string | undefined
}

/** What GET /player/{id}/status answers: what a viewer may know. */
export interface PlayerStatus {
  readonly state: StreamStatus['state']
  readonly degraded: boolean
  readonly degraded_reason?: string
  readonly legs: Readonly<Partial<Record<MediaKind, Pick<LegStatus, 'state'>>>>
}

/** How a stream does, for the player page to say. */
export function playerStatus({ statusOf, token }: PlayerStatusOptions): Router {
  return new Router({ strict: true }).get('/player/:id/status', ctx => {
    requireToken(ctx, token)
    const status = statusOf(ctx.params['id'] ?? '')
    if (status === undefined) {
      throw new Problem('stream-unknown', 'No stream is registered by this id')
    }
    ctx.set('Cache-Control', 'no-store')
    ctx.body = forViewers(status)
  })
}

function forViewers(status: StreamStatus): PlayerStatus {
  const { state, degraded, degraded_reason: reason, legs } = status
  return {
    state,
    degraded,
    ...(reason !== undefined && { degraded_reason: reason }),
    legs: {
      ...(legs.video && { video: { state: legs.video.state } }),
      ...(legs.audio && { audio: { state: legs.audio.state } }),
    },
  }
}
