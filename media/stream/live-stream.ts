import type { MediaKind } from 'mediasoup/types'
import type { Report } from '../../shared/protocol/catalogue.ts'
import type { DegradedReason } from '../../shared/protocol/degraded.ts'
import type { StreamId } from '../../shared/protocol/ids.ts'
import type { Log } from '../../shared/runtime/log.ts'

import type { Engine } from '../engine/engine.ts'
import type { Progress } from '../ffmpeg/progress.ts'
import type { RunArguments } from '../ffmpeg/run-arguments.ts'
import { ExternalLegs } from '../ingest/external-legs.ts'
import { legOrigin } from '../ingest/leg-origin.ts'
import { planLegs, type LegPlan } from '../ingest/leg-plan.ts'
import type { LegFailure } from '../ingest/leg-watch.ts'
import { ManagedLegs } from '../ingest/managed-legs.ts'
import type { ExternalWebrtc, ManagedWebrtc } from '../ingest/webrtc-config.ts'
import type { RunInputs } from '../ingest/input-plan.ts'
import type { RunEnd, StreamPort } from '../process/stream-port.ts'
import { degradedBy } from './degraded.ts'
import type { Source } from './source.ts'
import type { StreamStatus } from './status.ts'
import { streamError } from './stream-error.ts'
import { StreamLife } from './stream-life.ts'
import type { StreamSettings } from './stream-settings.ts'
import { streamStatus } from './stream-status.ts'
import {
  StreamError,
  type StreamCodecs,
  type ViewerRequest,
  type ViewerStream,
  type ViewerTransport,
} from '../whep/stream-port.ts'
import { Viewers } from './viewers.ts'

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
   * The sender must be ended and started again at once, which is no failure:
   * the legs were lost with their worker, or it reads its inputs in a way that
   * does not fit them.
   */
  readonly onRestartNeeded: (reason: string) => void
  /** Called when it was removed for good. */
  readonly onRemoved: () => void
}

type Life = StreamLife<ManagedLegs | ExternalLegs>

/** A registered stream: its legs, its viewers and how they are doing. */
export class LiveStream implements ViewerStream, StreamPort {
  readonly id: StreamId
  readonly codecs: StreamCodecs
  readonly #options: LiveStreamOptions
  readonly #plans: readonly LegPlan[]
  readonly #viewers: Viewers
  readonly #log: Log
  readonly #letPortsGo: () => void
  /** undefined: stopped. */
  #life: Life | undefined
  /** The sender's end that follows is not its own: its worker went. */
  #sourceLost = false
  /** The sender's end that follows makes room for one that fits better. */
  #refitting = false
  #removed = false
  /** As it was last told. */
  #degraded: DegradedReason | undefined

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
    this.#letPortsGo = engine.udpPorts.hold(givenPorts(config, this.#plans))
  }

  get live(): boolean {
    return this.#life?.arrived ?? false
  }

  get over(): boolean {
    return this.#life?.over ?? false
  }

  /** Whether its sender runs: then it is an active stream. */
  get running(): boolean {
    return this.#life?.sending ?? false
  }

  get status(): StreamStatus {
    return streamStatus(this.id, this.#plans, this.#life?.view())
  }

  /** The worst reason why it is degraded; undefined: it is not. */
  get degradedReason(): DegradedReason | undefined {
    return this.#life && degradedBy(this.#life.view())?.reason
  }

  async prepareRun(inputs?: RunInputs): Promise<RunArguments> {
    const life = this.#liveOn()
    const { legs } = life
    if (legs instanceof ExternalLegs) {
      throw new StreamError('worker', 'Cannot start FFmpeg: ingest is external')
    }
    const signal = life.timeLimit()
    return this.#orFailed(life, async () => {
      if (!(await legs.sendersReady())) this.#closeSource(life, 'stream-ended')
      await life.openSource(signal)
      return legs.nextRun(inputs, signal)
    })
  }

  runStarted(): void {
    if (this.#life) this.#senderStarted(this.#life)
  }

  runSaid(line: string): void {
    const legs = this.#life?.legs
    if (!(legs instanceof ManagedLegs) || !legs.heard(line)) return
    this.#refitting = true
    this.#options.onRestartNeeded('its arguments do not fit its input')
  }

  runProgressed(progress: Progress): void {
    this.#life?.runWatch.progressed(progress, performance.now())
  }

  runEnding(): void {
    // Else its legs start, or are live, as before.
    if (!this.#refitting) this.#life?.monitor.senderStopped()
  }

  runEnded(end: RunEnd): void {
    const life = this.#life
    if (life === undefined) return
    life.sending = false
    life.runWatch.begin()
    if (this.#refitting && end.asked) {
      // The next run follows at once.
    } else if (end.asked || this.#sourceLost || endedWell(life, end)) {
      life.monitor.senderStopped()
    } else {
      this.#senderFailed(life, end)
    }
    this.#options.onChange()
  }

  senderOver(): void {
    const life = this.#life
    if (life === undefined) return
    life.over = true
    // What is started again has to bring RTP again.
    life.arrived = false
    this.#options.onChange()
  }

  async startExternal(): Promise<void> {
    const life = this.#liveOn()
    await this.#orFailed(life, () => life.openSource(life.timeLimit()))
    if (!life.sending) this.#senderStarted(life)
  }

  async stop(): Promise<void> {
    const life = this.#life
    if (life === undefined) return
    this.#life = undefined
    this.#degraded = undefined
    this.#viewers.endAll('stream-ended')
    await life.close()
    this.#options.onChange()
  }

  async remove(): Promise<void> {
    this.#removed = true
    this.#options.onRemoved()
    await this.stop()
    this.#letPortsGo()
  }

  async openViewer(
    request: ViewerRequest,
    signal: AbortSignal,
  ): Promise<ViewerTransport> {
    const source = this.#playable()
    const life = this.#life
    try {
      const viewer = await this.#viewers.open(source, request, signal)
      if (this.#life?.source === source) return viewer
      viewer.end('stream-ended')
    } catch (error) {
      // What a stop takes from under it fails in ways that say nothing.
      if (this.#life === life) throw streamError(error)
    }
    throw new StreamError('not-live', 'Cannot play the stream: it was stopped')
  }

  /** @throws {StreamError} */
  #playable(): Source {
    if (!this.#life?.arrived) {
      const why = this.over ? 'its FFmpeg has ended' : 'no RTP yet'
      throw new StreamError('not-live', `Cannot play the stream: ${why}`)
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
    this.#sourceLost = false
    this.#refitting = false
    this.#life ??= this.#start()
    this.#life.over = false
    return this.#life
  }

  #start(): Life {
    const { engine, settings } = this.#options
    const life: Life = new StreamLife({
      engine,
      codecs: this.codecs,
      plans: this.#plans,
      legs: this.#makeLegs(),
      settings,
      origin: kind => legOrigin(this.#options.config, kind),
      onLegEdge: (kind, edge) => {
        this.#onLegEdge(kind, edge)
      },
      onLook: () => {
        this.#lookAtHealth(life)
      },
      onSourceLost: died => {
        this.#onSourceLost(life, died)
      },
    })
    return life
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
    life.runWatch.begin()
    life.monitor.senderStarted()
    this.#options.onChange()
  }

  #senderFailed({ legs, monitor }: Life, { log }: RunEnd): void {
    if (legs instanceof ExternalLegs) return
    const { causes, details } = legs.causesOf(log)
    monitor.senderFailed(causes, details)
  }

  /**
   * What cannot be started has failed, and is counted as such; unless its
   * worker went meanwhile: then it is being started again.
   */
  async #orFailed<Result>(
    life: Life,
    start: () => Promise<Result>,
  ): Promise<Result> {
    try {
      return await start()
    } catch (cause) {
      const error = streamError(cause)
      if (this.#life === life && !this.#sourceLost) {
        const failure: LegFailure = error.code === 'ports' ? 'bind' : 'worker'
        life.monitor.senderFailed(
          new Map(this.#plans.map(({ kind }) => [kind, failure])),
        )
      }
      throw error
    }
  }

  #closeSource(life: Life, why: 'worker-died' | 'stream-ended'): void {
    // Also those on other workers: their pipe has no source any more.
    this.#viewers.endAll(why)
    life.closeSource()
  }

  #onSourceLost(life: Life, died: boolean): void {
    this.#closeSource(life, died ? 'worker-died' : 'stream-ended')
    this.#sourceLost = true
    life.sending = false
    life.monitor.senderStopped()
    this.#options.onChange()
    // Else it was closed by our own shutdown.
    if (!died) return
    this.#log.warn('stream lost its worker')
    this.#options.onRestartNeeded('its worker died')
  }

  /** Tells when it gets degraded, and when that is over. */
  #lookAtHealth(life: Life): void {
    if (this.#life !== life) return
    const degraded = degradedBy(life.view())
    if (degraded?.reason === this.#degraded) return
    this.#degraded = degraded?.reason
    if (degraded) this.#log.warn('stream is degraded', { ...degraded })
    else this.#log.info('stream is not degraded any more')
    this.#options.onChange()
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

/** The ports that the configuration names: nobody else shall get them. */
function givenPorts(
  config: LiveStreamOptions['config'],
  plans: readonly LegPlan[],
): readonly number[] {
  if (config.ingest === 'managed') return []
  return plans.flatMap(({ kind }) => {
    const { port, rtcp_port: rtcpPort } = config[kind]
    return [port, rtcpPort]
  })
}

/** Whether a file has come to its end, which is no failure. */
function endedWell({ legs }: Life, { code }: RunEnd): boolean {
  return code === 0 && legs instanceof ManagedLegs && legs.inputsEnd
}
