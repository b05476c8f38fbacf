import type { MediaKind } from 'mediasoup/types'
import type { Report } from '../../shared/protocol/catalogue.ts'
import type { DegradedReason } from '../../shared/protocol/degraded.ts'
import type { StreamId } from '../../shared/protocol/ids.ts'
import type { Log } from '../../shared/runtime/log.ts'

import type { Engine } from '../engine/engine.ts'
import type { Progress } from '../ffmpeg/progress.ts'
import type { RunArguments, RunEnd, RunRequest } from '../ffmpeg/run-port.ts'
import type { RelayThread } from '../ingest/relay/relay-thread.ts'
import { planLegs, type LegPlan } from '../ingest/leg-plan.ts'
import { openFailure } from '../ingest/run/open-failure.ts'
import type { ExternalWebrtc, ManagedWebrtc } from '../ingest/webrtc-config.ts'
import type {
  ExternalStart,
  SenderOnDemand,
  StreamPort,
} from '../process/stream-port.ts'
import { ActiveStream } from './active-stream.ts'
import { Demand } from './demand.ts'
import { startExternal } from './external-start.ts'
import { degradedBy, type RunningView } from './degraded.ts'
import { streamStatus, type StreamStatus } from './status.ts'
import { toStreamError } from './stream-error.ts'
import type { StreamIngest } from './stream-ingest.ts'
import { StreamMachine } from './stream-machine.ts'
import type { StreamSettings } from './stream-settings.ts'
import { ingestOf, isStarted, startedOf } from './stream-state.ts'
import {
  StreamError,
  type StreamCodecs,
  type ViewerDemand,
  type ViewerRequest,
  type ViewerStream,
  type ViewerTransport,
} from '../whep/stream-port.ts'

export interface LiveStreamOptions {
  readonly id: StreamId
  readonly config: ManagedWebrtc | ExternalWebrtc
  readonly engine: Engine
  readonly relayThread: RelayThread
  readonly settings: StreamSettings
  readonly report: Report
  readonly log: Log
  /** Called when something that a snapshot or a list shows has changed. */
  readonly onChange: () => void
  /** Called when the stream is removed. */
  readonly onRemoved: () => void
}

/**
 * A registered stream. Implements the ports that process/ and whep/ declare,
 * on top of its state machine.
 */
export class LiveStream implements ViewerStream, StreamPort {
  readonly id: StreamId
  readonly codecs: StreamCodecs
  readonly #options: LiveStreamOptions
  readonly #plans: readonly LegPlan[]
  readonly #log: Log
  readonly #machine: StreamMachine
  readonly #releasePorts: () => void
  /** undefined: it does not run on demand. */
  readonly #demand: Demand | undefined
  /** Why FFmpeg has failed since the stream was last started. */
  #failure: string | undefined
  #loggedReason: DegradedReason | undefined

  constructor(options: LiveStreamOptions) {
    const { id, config, engine, settings, log } = options
    this.id = id
    this.#options = options
    this.#plans = planLegs(config)
    this.codecs = Object.fromEntries(
      this.#plans.map(({ kind, codec }) => [kind, codec]),
    )
    this.#log = log.with({ stream: id })
    this.#machine = new StreamMachine({
      engine,
      settings,
      codecs: this.codecs,
      newActive: () => this.#newActive(),
      log: this.#log,
      onChange: () => {
        this.#changed()
      },
    })
    this.#demand = this.#newDemand()
    this.#releasePorts = engine.udpPorts.hold(
      configuredPorts(config, this.#plans),
    )
  }

  get live(): boolean {
    const { state } = this.#machine
    return isStarted(state) && state.hasRtp
  }

  get over(): boolean {
    return this.#machine.state.at === 'over'
  }

  /** Whether its sender runs, which makes it an active stream. */
  get running(): boolean {
    const { at } = this.#machine.state
    return at === 'running' || at === 'refitting'
  }

  /** Whether its legs are open, or are to be opened. */
  get started(): boolean {
    return isStarted(this.#machine.state)
  }

  get demand(): ViewerDemand | undefined {
    return this.#demand
  }

  /** Whether it starts on demand, and nobody watches. */
  get asleep(): boolean {
    return this.#demand?.asleep ?? false
  }

  get status(): StreamStatus {
    const dormant = this.asleep ? 'asleep' : 'stopped'
    return streamStatus(this.id, this.#plans, this.#view() ?? dormant)
  }

  /** The worst reason why it is degraded; undefined: it is not. */
  get degradedReason(): DegradedReason | undefined {
    const view = this.#view()
    return view && degradedBy(view)?.reason
  }

  async prepareRun({ inputs, restart }: RunRequest): Promise<RunArguments> {
    if (this.#options.config.ingest === 'external') {
      throw new StreamError('worker', 'Cannot run FFmpeg: ingest is external')
    }
    return this.#machine.prepare(restart, (active, signal) =>
      active.managedLegs.nextRun(inputs, signal),
    )
  }

  runStarted(): void {
    const { state } = this.#machine
    if (state.at !== 'ready') return
    state.active.senderStarted()
    this.#machine.enter({ ...state, at: 'running' })
  }

  runSaid(line: string): void {
    const { state } = this.#machine
    if (!isStarted(state)) return
    const needsRefit = state.active.managedLegs.readLine(line)
    if (!needsRefit || state.at !== 'running') return
    this.#machine.enter({ ...state, at: 'refitting' })
    state.restartSender('its arguments do not fit its input')
  }

  runProgressed(progress: Progress): void {
    const { state } = this.#machine
    if (!isStarted(state)) return
    state.active.runWatch.progressed(progress, performance.now())
  }

  runEnding(): void {
    // While refitting, the legs stay as they are until the next run.
    const { state } = this.#machine
    if (state.at === 'running') state.active.senderStopped()
  }

  runEnded(end: RunEnd): void {
    const { state } = this.#machine
    switch (state.at) {
      case 'ready':
      case 'running':
      case 'refitting':
        if (state.at === 'refitting' && end.requested) {
          state.active.runWatch.begin()
        } else if (end.requested || endedWell(state.active, end)) {
          state.active.senderStopped()
        } else {
          const { causes, details } = state.active.managedLegs.causesOf(end.log)
          state.active.senderFailed(causes, details)
          this.#failure = failureWords(end)
        }
        this.#machine.enter({ ...state, at: 'ready' })
        return
      case 'stopped':
      case 'preparing':
      case 'failed':
      case 'lost':
      case 'over':
      case 'removed':
        return
      default:
        state satisfies never
    }
  }

  senderOver(): void {
    const { state } = this.#machine
    if (!isStarted(state)) return
    this.#machine.enter({
      ...startedOf(state),
      at: 'over',
      // Viewers may join again once the next run sends RTP.
      hasRtp: false,
      ingest: ingestOf(state),
    })
  }

  startExternal(start: ExternalStart): void {
    void startExternal(this.#machine, start)
  }

  startOnDemand(sender: SenderOnDemand): void {
    if (this.#demand === undefined) {
      throw new TypeError('Cannot start on demand: the stream always runs')
    }
    this.#demand.begin(sender)
  }

  stopOnDemand(): void {
    this.#demand?.end()
  }

  /** Whether each leg of `kinds` carries RTP, or fails while another does. */
  isReady(kinds: readonly MediaKind[]): boolean {
    const { state } = this.#machine
    if (!this.live || this.over || ingestOf(state) === undefined) return false
    const legs = this.#view()?.legs ?? []
    return (
      legs.some(leg => leg.state === 'live') &&
      legs.every(
        ({ plan, state: at }) =>
          !kinds.includes(plan.kind) || at === 'live' || at === 'failed',
      )
    )
  }

  async stop(): Promise<void> {
    if (!isStarted(this.#machine.state)) return
    this.#loggedReason = undefined
    this.#failure = undefined
    await this.#machine.end('stopped')
  }

  async remove(): Promise<void> {
    this.#demand?.end()
    this.#options.onRemoved()
    await this.#machine.end('removed')
    this.#releasePorts()
  }

  async openViewer(
    request: ViewerRequest,
    signal: AbortSignal,
  ): Promise<ViewerTransport> {
    const { active, ingest } = this.#playable()
    try {
      const viewer = await ingest.viewers.open(request, signal)
      if (ingestOf(this.#machine.state) === ingest) return viewer
    } catch (error) {
      // After a stop, errors here are its side effects.
      if (this.#machine.isActive(active)) throw toStreamError(error)
    }
    throw new StreamError('not-live', 'Cannot play the stream: it was stopped')
  }

  /** @throws {StreamError} */
  #playable(): { active: ActiveStream; ingest: StreamIngest } {
    const { state } = this.#machine
    if (!isStarted(state) || !state.hasRtp) {
      const why = this.over ? 'its FFmpeg has ended' : 'no RTP yet'
      throw new StreamError('not-live', `Cannot play the stream: ${why}`)
    }
    const ingest = ingestOf(state)
    if (ingest !== undefined) return { active: state.active, ingest }
    throw new StreamError(
      'worker',
      'Cannot play the stream: its worker is being replaced',
    )
  }

  #newActive(): ActiveStream {
    const { config, engine, relayThread, settings } = this.#options
    const active: ActiveStream = new ActiveStream({
      config,
      settings,
      plans: this.#plans,
      cname: this.id,
      udpPorts: engine.udpPorts,
      relayThread,
      onLegEdge: (kind, edge) => {
        if (this.#machine.isActive(active)) this.#onLegEdge(kind, edge)
      },
      onCheck: () => {
        if (this.#machine.isActive(active)) this.#logHealth()
      },
    })
    return active
  }

  #newDemand(): Demand | undefined {
    const { config, settings } = this.#options
    if (config.ingest === 'external' || !config.on_demand) return undefined
    return new Demand({
      stream: this,
      idleMs: (config.idle_seconds ?? 0) * 1_000,
      timeoutMs: settings.onDemandTimeoutMs,
      fault: () => {
        const view = this.#view()
        return this.#failure ?? (view && degradedBy(view)?.message)
      },
      onChange: this.#options.onChange,
    })
  }

  #changed(): void {
    this.#options.onChange()
    this.#demand?.changed()
  }

  #view(): RunningView | undefined {
    const { state } = this.#machine
    if (!isStarted(state) || this.asleep) return undefined
    return {
      ...state.active.view(),
      over: state.at === 'over',
      workerAnswers: ingestOf(state)?.worker.responsive ?? true,
    }
  }

  /** Logs when it becomes degraded, and when that is over. */
  #logHealth(): void {
    const view = this.#view()
    const degraded = view && degradedBy(view)
    if (degraded?.reason === this.#loggedReason) return
    this.#loggedReason = degraded?.reason
    if (degraded) this.#log.warn('stream is degraded', { ...degraded })
    else this.#log.info('stream is not degraded any more')
    this.#options.onChange()
  }

  #onLegEdge(leg: MediaKind, edge: 'live' | 'failed'): void {
    const { report } = this.#options
    const { state } = this.#machine
    if (!isStarted(state)) return
    if (edge === 'live') {
      this.#log.info('leg carries RTP', { leg })
      this.#failure = undefined
      this.#machine.enter({ ...state, hasRtp: true })
      return
    }
    const view = state.active.monitor
      .view()
      .find(({ plan }) => plan.kind === leg)
    report({
      family: 'dragonfork_webrtc_ffmpeg_leg_failures_total',
      labels: { stream_id: this.id, leg },
    })
    this.#log.warn('leg failed', { leg, cause: view?.cause })
    this.#changed()
  }
}

/** The ports that a configuration names; reserved for its stream. */
function configuredPorts(
  config: LiveStreamOptions['config'],
  plans: readonly LegPlan[],
): readonly number[] {
  if (config.ingest === 'managed') return []
  return plans.flatMap(({ kind }) => {
    const { port, rtcp_port: rtcpPort } = config[kind]
    return [port, rtcpPort]
  })
}

/** Why FFmpeg failed, for viewers; undefined: its legs say more. */
function failureWords({ code, signal, log }: RunEnd): string | undefined {
  if (code === null && signal === null) return 'FFmpeg could not be started'
  const why = openFailure(log)
  return why && `FFmpeg ended: ${why}`
}

/** Whether FFmpeg has come to the end of a file, which is no failure. */
function endedWell({ managedLegs }: ActiveStream, { code }: RunEnd): boolean {
  return code === 0 && managedLegs.inputsEnd
}
