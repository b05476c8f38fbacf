import type { MediaKind } from 'mediasoup/types'

import type { PortPool } from '../engine/port-pool.ts'
import { ExternalLegs } from '../ingest/external-legs.ts'
import { LegMonitor } from '../ingest/leg-monitor.ts'
import { legOrigin } from '../ingest/leg-origin.ts'
import type { LegPlan } from '../ingest/leg-plan.ts'
import type { LegSet } from '../ingest/leg.ts'
import type { LegFailure } from '../ingest/leg-watch.ts'
import type { RelayThread } from '../ingest/relay/relay-thread.ts'
import { ManagedLegs } from '../ingest/managed-legs.ts'
import { RunWatch } from '../ingest/run-watch.ts'
import type { ExternalWebrtc, ManagedWebrtc } from '../ingest/webrtc-config.ts'
import type { RunningView } from './degraded.ts'
import type { StreamSettings } from './stream-settings.ts'

export interface ActiveStreamOptions {
  readonly config: ManagedWebrtc | ExternalWebrtc
  readonly plans: readonly LegPlan[]
  readonly cname: string
  readonly udpPorts: PortPool
  readonly relayThread: RelayThread
  readonly settings: StreamSettings
  readonly onLegEdge: (kind: MediaKind, edge: 'live' | 'failed') => void
  /** Called after each look at the legs, several times a second. */
  readonly onCheck: () => void
}

const OPEN_TIMEOUT_MS = 5_000

/**
 * The resources of a stream from its start to its stop, across restarts of its
 * sender and its worker: the ports of its legs, and what watches them.
 */
export class ActiveStream {
  readonly legs: ManagedLegs | ExternalLegs
  readonly monitor: LegMonitor
  readonly runWatch: RunWatch
  readonly #plans: readonly LegPlan[]
  readonly #startedAtMs = Date.now()
  readonly #stopped = new AbortController()

  constructor(options: ActiveStreamOptions) {
    const { config, plans, settings, onLegEdge, onCheck } = options
    const { legTimeoutMs, legStartTimeoutMs, limits } = settings
    const legs: LegSet & (ManagedLegs | ExternalLegs) =
      config.ingest === 'managed'
        ? new ManagedLegs({ ...options, config })
        : new ExternalLegs({ ...options, config })
    const origin = (kind: MediaKind) => legOrigin(config, kind)
    this.legs = legs
    this.#plans = plans
    this.monitor = new LegMonitor({
      plans,
      limits: {
        silenceTimeoutMs: legTimeoutMs,
        startTimeoutMs: Math.max(legStartTimeoutMs, legTimeoutMs),
        keyFrameTimeoutMs: limits.keyFrameTimeoutMs,
      },
      origin,
      facts: () => legs.facts,
      onEdge: onLegEdge,
      onCheck,
    })
    const hasVideo = plans.some(({ kind }) => kind === 'video')
    const encodesVideo = hasVideo && origin('video') === 'encoded'
    this.runWatch = new RunWatch({ encodesVideo })
  }

  /** @throws {TypeError} if another program sends */
  get managedLegs(): ManagedLegs {
    if (this.legs instanceof ManagedLegs) return this.legs
    throw new TypeError('Cannot get managed legs: ingest is external')
  }

  view(): Pick<RunningView, 'startedAtMs' | 'legs' | 'faults'> {
    return {
      startedAtMs: this.#startedAtMs,
      legs: this.monitor.view(),
      faults: this.runWatch.faults(),
    }
  }

  /** Aborts when the worker takes too long, or when the stream is stopped. */
  openTimeout(): AbortSignal {
    const timeout = AbortSignal.timeout(OPEN_TIMEOUT_MS)
    return AbortSignal.any([this.#stopped.signal, timeout])
  }

  /** The legs could not be opened. */
  openFailed(cause: LegFailure): void {
    this.senderFailed(new Map(this.#plans.map(({ kind }) => [kind, cause])))
  }

  /** The sender runs: from here on, silence counts. */
  senderStarted(): void {
    this.runWatch.begin()
    this.monitor.senderStarted()
  }

  /** The sender has ended or is about to; no leg counts as failed. */
  senderStopped(): void {
    this.runWatch.begin()
    this.monitor.senderStopped()
  }

  /** The sender has failed or could not be started; each leg has its cause. */
  senderFailed(
    causes: ReadonlyMap<MediaKind, LegFailure>,
    details?: ReadonlyMap<MediaKind, string>,
  ): void {
    this.runWatch.begin()
    this.monitor.senderFailed(causes, details)
  }

  /**
   * Stops the monitor and releases the ports.
   * @param opening settles when nothing is being opened any more
   */
  async close(opening: Promise<void> | undefined): Promise<void> {
    this.#stopped.abort()
    this.monitor.close()
    await opening
    await this.legs.close()
  }
}
