import { Router } from '../http/router.ts'
import type { StreamStatus } from '../stream/status.ts'
import { whepProblem } from '../whep/problems.ts'
import { adminProblem } from './admin-problems.ts'
import type { Session } from '../whep/session.ts'
import type { Sessions } from '../whep/sessions.ts'

export interface AdminRoutesOptions {
  readonly sessions: Sessions
  /** All registered streams, also those that are stopped. */
  readonly statuses: () => readonly StreamStatus[]
}

/** A viewer in GET /api/v3/webrtc/streams/{id}/peers. */
export interface PeerStatus {
  /** Id of the session. It allows ending the session: for admins only. */
  readonly id: string
  readonly state: 'offered' | 'connected' | 'disconnected' | 'ended'
  /** Unix seconds. */
  readonly created_at: number
  /** Unix seconds; null before the first connection. */
  readonly connected_at: number | null
  readonly user_agent: string
  readonly remote_address: string | null
  /** Such as `{ "video": "h264", "audio": "opus" }`. */
  readonly codecs: Readonly<Record<string, string>>
}

/** The streams and their viewers, for operators. */
export function adminRoutes(options: AdminRoutesOptions): Router {
  const { sessions, statuses } = options
  const router = new Router({ prefix: '/api/v3/webrtc' })

  router.get('/streams', ctx => {
    const counts = sessions.countByStream()
    ctx.body = statuses().map(status => ({
      ...status,
      peers: counts.get(status.id) ?? 0,
    }))
  })

  router.get('/streams/:id/peers', ctx => {
    requireStream(statuses(), ctx.params['id'])
    ctx.body = sessions.of(ctx.params['id'] ?? '').map(peerStatus)
  })

  router.delete('/streams/:id/peers/:peer', ctx => {
    const { id = '', peer = '' } = ctx.params
    requireStream(statuses(), id)
    if (!sessions.end(id, peer, 'kicked')) {
      throw adminProblem('peer-unknown', 'No viewer of this stream has this id')
    }
    ctx.status = 204
  })

  return router
}

function requireStream(
  statuses: readonly StreamStatus[],
  id: string | undefined,
): void {
  if (statuses.some(status => status.id === id)) return
  throw whepProblem('stream-unknown', 'No registered stream has this id')
}

function peerStatus(session: Session): PeerStatus {
  const { connectedAtMs } = session
  return {
    id: session.id,
    state: session.state.at,
    created_at: Math.floor(session.createdAtMs / 1000),
    connected_at:
      connectedAtMs === undefined ? null : Math.floor(connectedAtMs / 1000),
    user_agent: session.userAgent,
    remote_address: session.remoteAddress ?? null,
    codecs: session.codecs,
  }
}
