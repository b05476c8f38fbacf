import type { MediaKind } from 'mediasoup/types'
import type { Report } from '../../shared/catalogue.ts'
import type { StreamId } from '../../shared/ids.ts'
import type { Log } from '../../shared/log.ts'

import { bounded } from '../engine/bounded.ts'
import type { Engine } from '../engine/engine.ts'
import type { MediaWorker } from '../engine/media-worker.ts'
import { failureCauses } from '../ingest/failure-cause.ts'
import { LegMonitor } from '../ingest/leg-monitor.ts'
import { planLegs, type LegPlan } from '../ingest/leg-plan.ts'
import type { ManagedLeg } from '../ingest/managed-leg.ts'
import { ManagedLegs } from '../ingest/managed-legs.ts'
import type { ExternalWebrtc, ManagedWebrtc } from '../ingest/webrtc-config.ts'
import type { RunEnd, StreamPort } from '../process/stream-port.ts'
import { endpoints, type Addresses } from './endpoints.ts'
import { layoutOf } from './layout.ts'
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
import { openViewerTransport, type ViewerHandle } from './viewer-transport.ts'

/** What every stream shares. */
export interface StreamSettings {
  readonly addresses: Addresses
  readonly iceConsentTimeoutS: number
  readonly legTimeoutMs: number
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
   * The legs were lost with their worker: FFmpeg must be ended and started
   * again at once, which is nobody's failure.
   */
  readonly onRestartNeeded: () => void
  /** Called when it was removed for good. */
  readonly onRemoved: () => void
}

/** From the start to the stop of a stream, whatever happens to FFmpeg. */
interface Life {
  readonly startedAtMs: number
  readonly ended: AbortController
  readonly monitor: LegMonitor
  readonly legs: ManagedLegs
  /** FFmpeg is running. */
  sending: boolean
  /** RTP has arrived. */
  arrived: boolean
  /** The worker died: FFmpeg's end that follows is not its own. */
  sourceLost: boolean
  opening: Promise<Source<ManagedLeg>> | undefined
  source: Source<ManagedLeg> | undefined
}

const WORKER_TIME_LIMIT_MS = 5_000
const START_GRACE_MS = 5_000
const KEY_FRAME_LIMIT_MS = 10_000
const FEED_IDLE_MS = 5_000
/** A pipe costs two ports and a hop: not for a difference of one. */
const WORTH_A_PIPE = 2

/** A registered stream: its legs, its viewers and how they are doing. */
export class LiveStream implements ViewerStream, StreamPort {
  readonly id: StreamId
  readonly codecs: StreamCodecs
  readonly #options: LiveStreamOptions
  readonly #plans: readonly LegPlan[]
  readonly #viewers = new Set<ViewerHandle>()
  readonly #log: Log
  #life: Life | undefined

  constructor(options: LiveStreamOptions) {
    this.id = options.id
    this.#options = options
    this.#plans = planLegs(options.config)
    this.codecs = Object.fromEntries(
      this.#plans.map(({ kind, codec }) => [kind, codec]),
    )
    this.#log = options.log.with({ stream: options.id })
  }

  get live(): boolean {
    return this.#life?.arrived ?? false
  }

  /** Whether its process is running: then it is an active stream. */
  get running(): boolean {
    return this.#life?.sending ?? false
  }

  get status(): StreamStatus {
    const life = this.#life
    return streamStatus(
      this.id,
      this.#plans,
      life && {
        startedAtMs: life.startedAtMs,
        legs: life.monitor.view(),
      },
    )
  }

  async prepareRun(): Promise<readonly string[]> {
    const life = (this.#life ??= this.#start())
    life.sourceLost = false
    const signal = AbortSignal.any([
      life.ended.signal,
      AbortSignal.timeout(WORKER_TIME_LIMIT_MS),
    ])
    try {
      const source = await this.#openSource(life, signal)
      return await life.legs.outputs(source.legs, signal)
    } catch (error) {
      life.monitor.senderFailed(
        new Map(this.#plans.map(({ kind }) => [kind, 'bind'])),
      )
      throw streamError(error)
    }
  }

  runStarted(): void {
    if (this.#life === undefined) return
    this.#life.sending = true
    this.#life.monitor.senderStarted()
    this.#options.onChange()
  }

  runEnded(end: RunEnd): void {
    const life = this.#life
    if (life === undefined) return
    life.sending = false
    if (end.asked || life.sourceLost) life.monitor.senderStopped()
    else {
      const legs = life.source?.legs ?? []
      const suspects = legs.map(({ plan, ports }) => ({
        kind: plan.kind,
        ports,
      }))
      life.monitor.senderFailed(failureCauses(end.log, suspects))
    }
    this.#options.onChange()
  }

  startExternal(): Promise<void> {
    return Promise.reject(
      new StreamError('worker', 'Cannot start external ingest: not there yet'),
    )
  }

  async stop(): Promise<void> {
    const life = this.#life
    if (life === undefined) return
    this.#life = undefined
    life.ended.abort()
    life.monitor.close()
    for (const viewer of this.#viewers) viewer.end('stream-ended')
    await life.opening?.then(
      source => {
        source.close()
      },
      () => undefined,
    )
    life.legs.close()
    this.#options.onChange()
  }

  async remove(): Promise<void> {
    this.#options.onRemoved()
    await this.stop()
  }

  async openViewer(
    request: ViewerRequest,
    signal: AbortSignal,
  ): Promise<ViewerTransport> {
    const life = this.#life
    if (!life?.arrived) {
      throw new StreamError('not-live', 'Cannot play the stream: no RTP yet')
    }
    const { source } = life
    if (source === undefined) {
      throw new StreamError('worker', 'Cannot play the stream: it comes back')
    }
    try {
      const viewer = await this.#openViewer(source, request, signal)
      if (this.#life === life && life.source === source) return viewer
      viewer.end('stream-ended')
    } catch (error) {
      throw streamError(error)
    }
    throw new StreamError('not-live', 'Cannot play the stream: it was stopped')
  }

  async #openViewer(
    source: Source,
    request: ViewerRequest,
    signal: AbortSignal,
  ): Promise<ViewerHandle> {
    const { engine, settings } = this.#options
    const worker = this.#workerFor(source)
    const leave = worker.occupy()
    try {
      const use = await bounded(
        'feed a viewer',
        source.feeds.use(worker, layoutOf(request.media)),
        signal,
        late => {
          late.done()
        },
      )
      try {
        const viewer = await openViewerTransport({
          feed: use.feed,
          request,
          sockets: endpoints(settings.addresses),
          udpPorts: engine.udpPorts,
          tcpPorts: engine.tcpPorts,
          iceConsentTimeoutS: settings.iceConsentTimeoutS,
          signal,
          onClosed: () => {
            use.done()
            leave()
            this.#viewers.delete(viewer)
          },
        })
        this.#viewers.add(viewer)
        return viewer
      } catch (error) {
        use.done()
        throw error
      }
    } catch (error) {
      leave()
      throw error
    }
  }

  /** The stream's own worker, unless it is clearly fuller than another. */
  #workerFor({ worker }: Source): MediaWorker {
    const other = this.#options.engine.leastLoaded()
    return worker.load >= other.load + WORTH_A_PIPE ? other : worker
  }

  #start(): Life {
    const { config, engine, settings } = this.#options
    const { legTimeoutMs } = settings
    if (config.ingest === 'external') {
      throw new StreamError('worker', 'Cannot start FFmpeg: ingest is external')
    }
    this.#options.onChange()
    return {
      startedAtMs: Date.now(),
      ended: new AbortController(),
      monitor: new LegMonitor({
        plans: this.#plans,
        limits: {
          silenceMs: legTimeoutMs,
          startMs: Math.max(START_GRACE_MS, legTimeoutMs),
          keyFrameMs: KEY_FRAME_LIMIT_MS,
        },
        onEdge: (kind, edge) => {
          this.#onLegEdge(kind, edge)
        },
      }),
      legs: new ManagedLegs({
        config,
        plans: this.#plans,
        cname: this.id,
        udpPorts: engine.udpPorts,
      }),
      sending: false,
      arrived: false,
      sourceLost: false,
      opening: undefined,
      source: undefined,
    }
  }

  #openSource(life: Life, signal: AbortSignal): Promise<Source<ManagedLeg>> {
    if (life.opening !== undefined) return life.opening
    const { engine, settings } = this.#options
    const opening = openSource({
      engine,
      codecs: this.codecs,
      openLegs: (worker, router, until) =>
        life.legs.open(worker, router, until),
      feedIdleMs: settings.feedIdleMs ?? FEED_IDLE_MS,
      signal,
      onLost: () => {
        this.#onSourceLost(life)
      },
    })
    life.opening = opening
    return opening.then(
      async source => {
        life.source = source
        await life.monitor.attach(source.legs)
        return source
      },
      (error: unknown) => {
        life.opening = undefined
        throw error
      },
    )
  }

  #onSourceLost(life: Life): void {
    const { source } = life
    if (source === undefined) return
    life.source = undefined
    life.opening = undefined
    life.monitor.detach()
    const why = source.worker.died ? 'worker-died' : 'stream-ended'
    // Also those on other workers: their pipe has no source any more.
    for (const viewer of this.#viewers) viewer.end(why)
    source.close()
    if (!source.worker.died) return
    life.sourceLost = true
    life.monitor.senderStopped()
    this.#log.warn('stream lost its worker')
    this.#options.onRestartNeeded()
    this.#options.onChange()
  }

  #onLegEdge(kind: MediaKind, edge: 'live' | 'failed'): void {
    const { report, onChange } = this.#options
    const view = this.#life?.monitor
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
      this.#log.warn('leg failed', { leg: kind, cause: view?.cause })
    }
    onChange()
  }
}
