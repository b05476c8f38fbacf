import type { MediaKind } from 'mediasoup/types'

import { withAbort } from '../engine/with-abort.ts'
import type { Engine } from '../engine/engine.ts'
import { EngineError } from '../engine/engine-error.ts'
import { LegMonitor } from '../ingest/leg-monitor.ts'
import type { LegPlan } from '../ingest/leg-plan.ts'
import type { LegSet } from '../ingest/leg.ts'
import { openSource, type Source } from './source.ts'
import type { StreamSettings } from './stream-settings.ts'
import type { StreamCodecs } from '../whep/stream-port.ts'

export interface StreamLifeOptions<Legs extends LegSet> {
  readonly engine: Engine
  readonly codecs: StreamCodecs
  readonly plans: readonly LegPlan[]
  readonly legs: Legs
  readonly settings: StreamSettings
  readonly onLegEdge: (kind: MediaKind, edge: 'live' | 'failed') => void
  /** The source went with its worker, and is closed. */
  readonly onSourceLost: (died: boolean) => void
}

const WORKER_TIME_LIMIT_MS = 5_000
const START_GRACE_MS = 5_000
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
  /** The sender runs. */
  sending = false
  /** RTP has arrived. */
  arrived = false
  readonly #options: StreamLifeOptions<Legs>
  readonly #ended = new AbortController()
  /** Shared by all who need it first. */
  #opening: Promise<Source> | undefined
  #source: Source | undefined

  constructor(options: StreamLifeOptions<Legs>) {
    const { plans, legs, settings, onLegEdge } = options
    const { legTimeoutMs, startGraceMs, keyFrameLimitMs } = settings
    this.#options = options
    this.legs = legs
    this.monitor = new LegMonitor({
      plans,
      limits: {
        silenceMs: legTimeoutMs,
        startMs: Math.max(startGraceMs ?? START_GRACE_MS, legTimeoutMs),
        keyFrameMs: keyFrameLimitMs ?? KEY_FRAME_LIMIT_MS,
      },
      onEdge: onLegEdge,
    })
  }

  /** undefined: not open, or lost. */
  get source(): Source | undefined {
    return this.#source
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
