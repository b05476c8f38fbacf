import { Router } from '../../shared/runtime/router.ts'
import type { StreamStatus } from '../stream/status.ts'
import { whepProblem } from '../whep/problems.ts'
import { adminProblem } from './admin-problems.ts'
import type { Session } from '../whep/session.ts'
import type { SessionsByKind } from '../whep/sessions.ts'

export interface AdminRoutesOptions {
  readonly sessions: SessionsByKind
  /** All registered streams, also those that are stopped. */
  readonly statuses: () => readonly StreamStatus[]
}

/** A viewer or probe in GET /api/v3/webrtc/streams/{id}/peers. */
export interface PeerStatus {
  /** Id of the session. It allows ending the session: for admins only. */
  readonly id: string
  /** Whether it is a probe of the exporter, which no other number counts. */
  readonly probe: boolean
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
    const counts = sessions.viewer.countByStream()
    ctx.body = statuses().map(status => ({
      ...status,
      peers: counts.get(status.id) ?? 0,
    }))
  })

  router.get('/streams/:id/peers', ctx => {
    const { id = '' } = ctx.params
    requireStream(statuses(), id)
    ctx.body = [
      ...sessions.viewer.of(id).map(session => peerStatus(session, false)),
      ...sessions.probe.of(id).map(session => peerStatus(session, true)),
    ]
  })

  router.delete('/streams/:id/peers/:peer', ctx => {
    const { id = '', peer = '' } = ctx.params
    requireStream(statuses(), id)
    const ended =
      sessions.viewer.end(id, peer, 'kicked') ||
      sessions.probe.end(id, peer, 'kicked')
    if (!ended) {
      throw adminProblem('peer-unknown', 'No viewer of this stream has this id')
    }
    ctx.status = 204
  })

  return router
}

function requireStream(statuses: readonly StreamStatus[], id: string): void {
  if (statuses.some(status => status.id === id)) return
  throw whepProblem('stream-unknown', 'No registered stream has this id')
}

function peerStatus(session: Session, probe: boolean): PeerStatus {
  const { connectedAtMs } = session
  return {
    id: session.id,
    probe,
    state: session.state.at,
    created_at: Math.floor(session.createdAtMs / 1000),
    connected_at:
      connectedAtMs === undefined ? null : Math.floor(connectedAtMs / 1000),
    user_agent: session.userAgent,
    remote_address: session.remoteAddress ?? null,
    codecs: session.codecs,
  }
}
