import type { MediaKind } from 'mediasoup/types'

import { withAbort } from '../engine/with-abort.ts'
import type { Engine } from '../engine/engine.ts'
import { EngineError } from '../engine/engine-error.ts'
import { LegMonitor } from '../ingest/leg-monitor.ts'
import type { LegOrigin } from '../ingest/leg-origin.ts'
import type { LegPlan } from '../ingest/leg-plan.ts'
import type { LegSet } from '../ingest/leg.ts'
import { RunWatch } from '../ingest/run-watch.ts'
import type { RunningView } from './degraded.ts'
import { openSource, type Source } from './source.ts'
import type { StreamSettings } from './stream-settings.ts'
import type { StreamCodecs } from '../whep/stream-port.ts'

export interface StreamLifeOptions<Legs extends LegSet> {
  readonly engine: Engine
  readonly codecs: StreamCodecs
  readonly plans: readonly LegPlan[]
  readonly legs: Legs
  readonly settings: StreamSettings
  readonly origin: (kind: MediaKind) => LegOrigin
  readonly onLegEdge: (kind: MediaKind, edge: 'live' | 'failed') => void
  /** Called after each look at the legs, several times a second. */
  readonly onLook: () => void
  /** The source went with its worker, and is closed. */
  readonly onSourceLost: (died: boolean) => void
}

const WORKER_TIME_LIMIT_MS = 5_000
const KEY_FRAME_LIMIT_MS = 10_000
const FEED_IDLE_MS = 5_000

/**
 * A stream from its start to its stop, whatever happens to its sender and its
 * worker in the meantime.
 */
export class StreamLife<Legs extends LegSet> {
  /** Unix milliseconds. */
  readonly startedAtMs = Date.now()
  readonly legs: Legs
  readonly monitor: LegMonitor
  readonly runWatch: RunWatch
  /** The sender runs. */
  sending = false
  /** RTP has arrived. */
  arrived = false
  /** The sender is gone and nothing is due to start it again. */
  over = false
  readonly #options: StreamLifeOptions<Legs>
  readonly #ended = new AbortController()
  /** Shared by all who need it first. */
  #opening: Promise<Source> | undefined
  #source: Source | undefined

  constructor(options: StreamLifeOptions<Legs>) {
    const { codecs, plans, legs, settings } = options
    const { origin, onLegEdge, onLook } = options
    const { legTimeoutMs, legStartTimeoutMs, keyFrameLimitMs } = settings
    this.#options = options
    this.legs = legs
    this.monitor = new LegMonitor({
      plans,
      limits: {
        silenceMs: legTimeoutMs,
        startMs: Math.max(legStartTimeoutMs, legTimeoutMs),
        keyFrameMs: keyFrameLimitMs ?? KEY_FRAME_LIMIT_MS,
      },
      origin,
      facts: () => legs.facts,
      onEdge: onLegEdge,
      onLook,
    })
    const encodesVideo =
      codecs.video !== undefined && origin('video') === 'encoded'
    this.runWatch = new RunWatch({ encodesVideo })
  }

  /** undefined: not open, or lost. */
  get source(): Source | undefined {
    return this.#source
  }

  /** As it is now, to say how it is doing. */
  view(): RunningView {
    return {
      over: this.over,
      startedAtMs: this.startedAtMs,
      legs: this.monitor.view(),
      faults: this.runWatch.faults(),
      workerAnswers: this.#source?.worker.responsive ?? true,
    }
  }

  /** Aborted when the worker takes too long, or the stream is stopped. */
  timeLimit(): AbortSignal {
    const limit = AbortSignal.timeout(WORKER_TIME_LIMIT_MS)
    return AbortSignal.any([this.#ended.signal, limit])
  }

  /**
   * The source, opened where it is not.
   * @throws {EngineError}
   */
  openSource(signal: AbortSignal): Promise<Source> {
    this.#opening ??= this.#open(signal).catch((error: unknown) => {
      this.#opening = undefined
      throw error
    })
    return this.#opening
  }

  /** The next `openSource` opens another. */
  closeSource(): void {
    const source = this.#source
    if (source === undefined) return
    this.#source = undefined
    this.#opening = undefined
    this.monitor.detach()
    source.close()
  }

  /** Closes all; what is still being opened closes itself. Idempotent. */
  async close(): Promise<void> {
    this.#ended.abort()
    this.monitor.close()
    const opening = this.#opening
    this.closeSource()
    await opening?.catch(() => undefined)
    this.legs.close()
  }

  async #open(signal: AbortSignal): Promise<Source> {
    const { engine, codecs, settings } = this.#options
    const source = await openSource({
      engine,
      codecs,
      legs: this.legs,
      feedIdleMs: settings.feedIdleMs ?? FEED_IDLE_MS,
      signal,
      onLost: () => {
        this.#onLost()
      },
    })
    this.#source = source
    try {
      const attached = this.monitor.attach(source.legs)
      await withAbort('watch the legs', attached, signal, () => undefined)
      if (this.#ended.signal.aborted) {
        throw new EngineError('worker', 'Cannot open a stream: it was stopped')
      }
      return source
    } catch (error) {
      this.closeSource()
      throw error
    }
  }

  #onLost(): void {
    const source = this.#source
    if (source === undefined) return
    this.closeSource()
    this.#options.onSourceLost(source.worker.died)
  }
}
