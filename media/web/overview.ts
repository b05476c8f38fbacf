import { Router } from '../../shared/runtime/router.ts'

import type { Clock } from '../../shared/runtime/clock.ts'
import type { LegStatus, StreamStatus } from '../stream/status.ts'
import type { Drain, DrainStatus } from '../whep/drain.ts'
import type { SessionsByKind } from '../whep/sessions.ts'
import type { MediaKind } from '../whep/stream-port.ts'
import { PacketRates } from './packet-rates.ts'

/** The media process and the machine it runs on. */
export interface Box {
  readonly ports: { readonly in_use: number; readonly total: number }
  readonly workers: readonly {
    /** null: it is being replaced. */
    readonly pid: number | null
    readonly state: 'running' | 'frozen' | 'restarting'
  }[]
  readonly exporter: {
    readonly connected: boolean
    /** Unix seconds of the last change; null: it never was connected. */
    readonly since: number | null
  }
}

/** The FFmpeg of a stream, as in the state of its process. */
export interface Job {
  readonly order: 'start' | 'stop'
  readonly exec: string
  readonly runtime_seconds: number
  /** The following are null while no FFmpeg runs. */
  readonly speed: number | null
  /** Percent of one core. */
  readonly cpu_percent: number | null
  readonly memory_bytes: number | null
}

/** What the overview adds to the status of a stream. */
export interface StreamFacts {
  readonly type: 'process' | 'external'
  /** Unix seconds of the last change of `state` or `degraded`. */
  readonly since: number | null
  /** null: no FFmpeg of ours sends it. */
  readonly process: Job | null
}

export interface OverviewSource {
  /** CORE_ID, and the version of the product. */
  readonly core: { readonly id: string; readonly version: string }
  /** Maximum numbers of viewers; 0: no cap. */
  readonly caps: { readonly total: number; readonly perStream: number }
  readonly box: () => Box
  /** The facts of all streams, by id. */
  readonly facts: (
    statuses: readonly StreamStatus[],
  ) => ReadonlyMap<string, StreamFacts>
}

export interface OverviewOptions {
  readonly source: OverviewSource
  readonly sessions: SessionsByKind
  readonly drain: Pick<Drain, 'status'>
  readonly statuses: () => readonly StreamStatus[]
  readonly clock: Clock
}

/** A leg in the overview. */
export interface OverviewLeg extends LegStatus {
  /** null until there are two requests within ten seconds. */
  readonly packets_per_second: number | null
}

/** A stream in the overview. */
export interface OverviewStream
  extends Pick<StreamStatus, 'id' | 'state' | 'degraded'>, StreamFacts {
  /** Why it is degraded. */
  readonly reason: string | null
  readonly peers: number
  /** null: no cap. */
  readonly peers_max: number | null
  readonly legs: Readonly<Partial<Record<MediaKind, OverviewLeg>>>
}

/** The response of GET /api/v3/webrtc/overview. */
export interface Overview extends Box {
  readonly core: OverviewSource['core']
  /** Unix seconds. */
  readonly time: number
  readonly uptime_seconds: number
  readonly viewers: number
  /** null: no cap. */
  readonly viewers_max: number | null
  readonly drain: DrainStatus
  readonly streams: readonly OverviewStream[]
}

/** All that the operator's page lists, in one response. */
export function overviewRoutes(options: OverviewOptions): Router {
  const { source, sessions, drain, statuses, clock } = options
  const startedMs = clock.steadyMs()
  const rates = new PacketRates()
  const router = new Router({ prefix: '/api/v3/webrtc' })
  router.get('/overview', ctx => {
    const nowMs = clock.steadyMs()
    const { caps } = source
    const counts = sessions.viewer.countByStream()
    const all = statuses()
    const facts = source.facts(all)
    rates.sample(all, nowMs)
    const overview: Overview = {
      core: source.core,
      time: clock.epochMs() / 1_000,
      uptime_seconds: Math.floor((nowMs - startedMs) / 1_000),
      viewers: [...counts.values()].reduce((sum, count) => sum + count, 0),
      viewers_max: orNull(caps.total),
      drain: drain.status,
      ...source.box(),
      streams: all.map(status => {
        const { id, state, degraded, degraded_reason: reason, legs } = status
        return {
          id,
          state,
          degraded,
          reason: reason ?? null,
          peers: counts.get(id) ?? 0,
          peers_max: orNull(caps.perStream),
          legs: {
            ...(legs.video && { video: withRate(legs.video, 'video', id) }),
            ...(legs.audio && { audio: withRate(legs.audio, 'audio', id) }),
          },
          ...(facts.get(id) ?? UNKNOWN),
        }
      }),
    }
    ctx.set('Cache-Control', 'no-store')
    ctx.body = overview
  })
  return router

  function withRate(leg: LegStatus, kind: MediaKind, id: string): OverviewLeg {
    return { ...leg, packets_per_second: rates.of(id, kind) }
  }
}

/** A stream whose process is being added or removed. */
const UNKNOWN: StreamFacts = { type: 'process', since: null, process: null }

function orNull(cap: number): number | null {
  return cap === 0 ? null : cap
}
