import type { MediaKind } from 'mediasoup/types'
import type { Report } from '../../shared/catalogue.ts'
import type { StreamId } from '../../shared/ids.ts'
import type { Log } from '../../shared/log.ts'

import type { Engine } from '../engine/engine.ts'
import { ExternalLegs } from '../ingest/external-legs.ts'
import { LegMonitor } from '../ingest/leg-monitor.ts'
import { planLegs, type LegPlan } from '../ingest/leg-plan.ts'
import type { LegFailure } from '../ingest/leg-watch.ts'
import { ManagedLegs } from '../ingest/managed-legs.ts'
import type { ExternalWebrtc, ManagedWebrtc } from '../ingest/webrtc-config.ts'
import type { RunEnd, StreamPort } from '../process/stream-port.ts'
import type { Addresses } from './endpoints.ts'
import { openSource, type Source } from './source.ts'
import type { StreamStatus } from './status.ts'
import { streamError } from './stream-error.ts'
import { streamStatus } from './stream-status.ts'
import {
  StreamError,
  type StreamCodecs,
  type ViewerRequest,
  type ViewerStream,
  type ViewerTransport,
} from './viewer.ts'
import { Viewers } from './viewers.ts'

/** What every stream shares. */
export interface StreamSettings {
  readonly addresses: Addresses
  readonly iceConsentTimeoutS: number
  readonly legTimeoutMs: number
  /** How long a leg may take to its first RTP; never less than legTimeoutMs. */
  readonly startGraceMs?: number
  /** How long a video leg may be without key frame. */
  readonly keyFrameLimitMs?: number
  /** How long a payload-type layout without viewers is kept. */
  readonly feedIdleMs?: number
}

export interface LiveStreamOptions {
  readonly id: StreamId
  readonly config: ManagedWebrtc | ExternalWebrtc
  readonly engine: Engine
  readonly settings: StreamSettings
  readonly report: Report
  readonly log: Log
  /** Called when something that a snapshot or a list shows has changed. */
  readonly onChange: () => void
  /**
   * The legs were lost with their worker: the sender must be ended and
   * started again at once, which is nobody's failure.
   */
  readonly onRestartNeeded: () => void
  /** Called when it was removed for good. */
  readonly onRemoved: () => void
}

/** From the start to the stop of a stream, whatever happens to its sender. */
interface Life {
  readonly startedAtMs: number
  readonly ended: AbortController
  readonly monitor: LegMonitor
  readonly legs: ManagedLegs | ExternalLegs
  /** The sender runs. */
  sending: boolean
  /** RTP has arrived. */
  arrived: boolean
  /** The worker died: the sender's end that follows is not its own. */
  sourceLost: boolean
  /** Shared by all who need it first. */
  opening: Promise<Source> | undefined
  source: Source | undefined
}

const WORKER_TIME_LIMIT_MS = 5_000
const START_GRACE_MS = 5_000
const KEY_FRAME_LIMIT_MS = 10_000
const FEED_IDLE_MS = 5_000

/** A registered stream: its legs, its viewers and how they are doing. */
export class LiveStream implements ViewerStream, StreamPort {
  readonly id: StreamId
  readonly codecs: StreamCodecs
  readonly #options: LiveStreamOptions
  readonly #plans: readonly LegPlan[]
  readonly #viewers: Viewers
  readonly #log: Log
  /** undefined: stopped. */
  #life: Life | undefined
  #removed = false

  constructor(options: LiveStreamOptions) {
    const { id, config, engine, settings, log } = options
    this.id = id
    this.#options = options
    this.#plans = planLegs(config)
    this.codecs = Object.fromEntries(
      this.#plans.map(({ kind, codec }) => [kind, codec]),
    )
    this.#viewers = new Viewers({ engine, ...settings })
    this.#log = log.with({ stream: id })
  }

  get live(): boolean {
    return this.#life?.arrived ?? false
  }

  /** Whether its sender runs: then it is an active stream. */
  get running(): boolean {
    return this.#life?.sending ?? false
  }

  get status(): StreamStatus {
    const life = this.#life
    return streamStatus(
      this.id,
      this.#plans,
      life && { startedAtMs: life.startedAtMs, legs: life.monitor.view() },
    )
  }

  async prepareRun(): Promise<readonly string[]> {
    const life = this.#liveOn()
    const { legs } = life
    if (legs instanceof ExternalLegs) {
      throw new StreamError('worker', 'Cannot start FFmpeg: ingest is external')
    }
    const signal = workerTimeLimit(life)
    return this.#orFailed(life, async () => {
      if (!(await legs.sendersReady())) this.#closeSource(life, 'stream-ended')
      await this.#openSource(life, signal)
      return legs.outputs(signal)
    })
  }

  runStarted(): void {
    if (this.#life) this.#senderStarted(this.#life)
  }

  runEnded(end: RunEnd): void {
    const life = this.#life
    if (life === undefined) return
    life.sending = false
    if (end.asked || life.sourceLost) life.monitor.senderStopped()
    else life.monitor.senderFailed(causesOf(life, end))
    this.#options.onChange()
  }

  async startExternal(): Promise<void> {
    const life = this.#liveOn()
    await this.#orFailed(life, () =>
      this.#openSource(life, workerTimeLimit(life)),
    )
    if (!life.sending) this.#senderStarted(life)
  }

  async stop(): Promise<void> {
    const life = this.#life
    if (life === undefined) return
    this.#life = undefined
    life.ended.abort()
    life.monitor.close()
    this.#closeSource(life, 'stream-ended')
    // One that is still being opened closes itself.
    await life.opening?.catch(() => undefined)
    life.legs.close()
    this.#options.onChange()
  }

  async remove(): Promise<void> {
    this.#removed = true
    this.#options.onRemoved()
    await this.stop()
  }

  async openViewer(
    request: ViewerRequest,
    signal: AbortSignal,
  ): Promise<ViewerTransport> {
    const source = this.#playable()
    try {
      const viewer = await this.#viewers.open(source, request, signal)
      if (this.#life?.source === source) return viewer
      viewer.end('stream-ended')
    } catch (error) {
      throw streamError(error)
    }
    throw new StreamError('not-live', 'Cannot play the stream: it was stopped')
  }

  /** @throws {StreamError} */
  #playable(): Source {
    if (!this.#life?.arrived) {
      throw new StreamError('not-live', 'Cannot play the stream: no RTP yet')
    }
    const { source } = this.#life
    if (source !== undefined) return source
    throw new StreamError(
      'worker',
      'Cannot play the stream: its worker is being replaced',
    )
  }

  /** The present life, or a new one. */
  #liveOn(): Life {
    if (this.#removed) {
      throw new StreamError(
        'not-live',
        'Cannot start the stream: it is removed',
      )
    }
    this.#life ??= this.#start()
    this.#life.sourceLost = false
    return this.#life
  }

  #start(): Life {
    const { settings } = this.#options
    const { legTimeoutMs, startGraceMs, keyFrameLimitMs } = settings
    return {
      startedAtMs: Date.now(),
      ended: new AbortController(),
      monitor: new LegMonitor({
        plans: this.#plans,
        limits: {
          silenceMs: legTimeoutMs,
          startMs: Math.max(startGraceMs ?? START_GRACE_MS, legTimeoutMs),
          keyFrameMs: keyFrameLimitMs ?? KEY_FRAME_LIMIT_MS,
        },
        onEdge: (kind, edge) => {
          this.#onLegEdge(kind, edge)
        },
      }),
      legs: this.#makeLegs(),
      sending: false,
      arrived: false,
      sourceLost: false,
      opening: undefined,
      source: undefined,
    }
  }

  #makeLegs(): ManagedLegs | ExternalLegs {
    const { config, engine } = this.#options
    const shared = {
      plans: this.#plans,
      cname: this.id,
      udpPorts: engine.udpPorts,
    }
    return config.ingest === 'managed'
      ? new ManagedLegs({ ...shared, config })
      : new ExternalLegs({ ...shared, config })
  }

  #senderStarted(life: Life): void {
    life.sending = true
    life.monitor.senderStarted()
    this.#options.onChange()
  }

  /** What cannot be started has failed, and is counted as such. */
  async #orFailed<Result>(
    life: Life,
    start: () => Promise<Result>,
  ): Promise<Result> {
    try {
      return await start()
    } catch (error) {
      if (this.#life === life) {
        const cause: LegFailure = 'bind'
        life.monitor.senderFailed(
          new Map(this.#plans.map(({ kind }) => [kind, cause])),
        )
      }
      throw streamError(error)
    }
  }

  #openSource(life: Life, signal: AbortSignal): Promise<Source> {
    life.opening ??= this.#open(life, signal).catch((error: unknown) => {
      life.opening = undefined
      throw error
    })
    return life.opening
  }

  async #open(life: Life, signal: AbortSignal): Promise<Source> {
    const { engine, settings } = this.#options
    const source = await openSource({
      engine,
      codecs: this.codecs,
      legs: life.legs,
      feedIdleMs: settings.feedIdleMs ?? FEED_IDLE_MS,
      signal,
      onLost: () => {
        this.#onSourceLost(life)
      },
    })
    life.source = source
    await life.monitor.attach(source.legs)
    if (!life.ended.signal.aborted) return source
    this.#closeSource(life, 'stream-ended')
    throw new StreamError('not-live', 'Cannot start the stream: it was stopped')
  }

  #closeSource(life: Life, why: 'worker-died' | 'stream-ended'): void {
    const { source } = life
    life.source = undefined
    life.opening = source === undefined ? life.opening : undefined
    life.monitor.detach()
    // Also those on other workers: their pipe has no source any more.
    this.#viewers.endAll(why)
    source?.close()
  }

  #onSourceLost(life: Life): void {
    const { source } = life
    if (source === undefined) return
    const { died } = source.worker
    this.#closeSource(life, died ? 'worker-died' : 'stream-ended')
    // Else it was closed by our own shutdown.
    if (!died) return
    life.sourceLost = true
    life.sending = false
    life.monitor.senderStopped()
    this.#log.warn('stream lost its worker')
    this.#options.onChange()
    this.#options.onRestartNeeded()
  }

  #onLegEdge(kind: MediaKind, edge: 'live' | 'failed'): void {
    const { report, onChange } = this.#options
    const leg = this.#life?.monitor
      .view()
      .find(({ plan }) => plan.kind === kind)
    if (edge === 'live') {
      if (this.#life) this.#life.arrived = true
      this.#log.info('leg carries RTP', { leg: kind })
    } else {
      report({
        family: 'dragonfork_webrtc_ffmpeg_leg_failures_total',
        labels: { stream_id: this.id, leg: kind },
      })
      this.#log.warn('leg failed', { leg: kind, cause: leg?.cause })
    }
    onChange()
  }
}

function workerTimeLimit(life: Life): AbortSignal {
  return AbortSignal.any([
    life.ended.signal,
    AbortSignal.timeout(WORKER_TIME_LIMIT_MS),
  ])
}

function causesOf(
  { legs }: Life,
  { log }: RunEnd,
): ReadonlyMap<MediaKind, LegFailure> {
  return legs instanceof ManagedLegs ? legs.causesOf(log) : new Map()
}
