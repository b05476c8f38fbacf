import type { MediaKind } from 'mediasoup/types'
import type { Report } from '../../shared/protocol/catalogue.ts'
import type { DegradedReason } from '../../shared/protocol/degraded.ts'
import type { StreamId } from '../../shared/protocol/ids.ts'
import type { Log } from '../../shared/runtime/log.ts'

import type { Engine } from '../engine/engine.ts'
import type { Progress } from '../ffmpeg/progress.ts'
import type { RunArguments, RunEnd, RunRequest } from '../ffmpeg/run-port.ts'
import { ExternalLegs } from '../ingest/external-legs.ts'
import { legOrigin } from '../ingest/leg-origin.ts'
import { planLegs, type LegPlan } from '../ingest/leg-plan.ts'
import { ManagedLegs } from '../ingest/managed-legs.ts'
import type { ExternalWebrtc, ManagedWebrtc } from '../ingest/webrtc-config.ts'
import type { ExternalStart, StreamPort } from '../process/stream-port.ts'
import { ActiveStream } from './active-stream.ts'
import { degradedBy, type RunningView } from './degraded.ts'
import { streamStatus, type StreamStatus } from './status.ts'
import { toStreamError } from './stream-error.ts'
import { openIngest, type StreamIngest } from './stream-ingest.ts'
import type { StreamSettings } from './stream-settings.ts'
import {
  ingestOf,
  isStarted,
  leaveState,
  startedOf,
  type Started,
  type StreamState,
} from './stream-state.ts'
import {
  StreamError,
  type StreamCodecs,
  type ViewerRequest,
  type ViewerStream,
  type ViewerTransport,
} from '../whep/stream-port.ts'

export interface LiveStreamOptions {
  readonly id: StreamId
  readonly config: ManagedWebrtc | ExternalWebrtc
  readonly engine: Engine
  readonly settings: StreamSettings
  readonly report: Report
  readonly log: Log
  /** Called when something that a snapshot or a list shows has changed. */
  readonly onChange: () => void
  /** Called when it was removed. */
  readonly onRemoved: () => void
}

/** A registered stream: one state machine over its legs and its viewers. */
export class LiveStream implements ViewerStream, StreamPort {
  readonly id: StreamId
  readonly codecs: StreamCodecs
  readonly #options: LiveStreamOptions
  readonly #plans: readonly LegPlan[]
  readonly #log: Log
  readonly #releasePorts: () => void
  #state: StreamState = { at: 'stopped' }
  #loggedReason: DegradedReason | undefined

  constructor(options: LiveStreamOptions) {
    const { id, config, engine, log } = options
    this.id = id
    this.#options = options
    this.#plans = planLegs(config)
    this.codecs = Object.fromEntries(
      this.#plans.map(({ kind, codec }) => [kind, codec]),
    )
    this.#log = log.with({ stream: id })
    this.#releasePorts = engine.udpPorts.hold(
      configuredPorts(config, this.#plans),
    )
  }

  get live(): boolean {
    return isStarted(this.#state) && this.#state.hasRtp
  }

  get over(): boolean {
    return this.#state.at === 'over'
  }

  /** Whether its sender runs, which makes it an active stream. */
  get running(): boolean {
    return this.#state.at === 'running' || this.#state.at === 'refitting'
  }

  get status(): StreamStatus {
    return streamStatus(this.id, this.#plans, this.#view())
  }

  /** The worst reason why it is degraded; undefined: it is not. */
  get degradedReason(): DegradedReason | undefined {
    const view = this.#view()
    return view && degradedBy(view)?.reason
  }

  async prepareRun({ inputs, restart }: RunRequest): Promise<RunArguments> {
    if (this.#options.config.ingest === 'external') throw ingestIsExternal()
    return this.#prepare(restart, (active, signal) =>
      managedLegs(active).nextRun(inputs, signal),
    )
  }

  runStarted(): void {
    if (this.#state.at === 'ready') this.#senderStarted(this.#state)
  }

  runSaid(line: string): void {
    const state = this.#state
    if (!isStarted(state)) return
    const needsRefit = managedLegs(state.active).heard(line)
    if (!needsRefit || state.at !== 'running') return
    this.#enter({ ...state, at: 'refitting' })
    state.restartSender('its arguments do not fit its input')
  }

  runProgressed(progress: Progress): void {
    if (!isStarted(this.#state)) return
    this.#state.active.runWatch.progressed(progress, performance.now())
  }

  runEnding(): void {
    // While refitting, the legs stay as they are until the next run.
    if (this.#state.at === 'running') this.#state.active.senderStopped()
  }

  runEnded(end: RunEnd): void {
    const state = this.#state
    switch (state.at) {
      case 'ready':
      case 'running':
      case 'refitting':
        this.#enter({ ...state, at: 'ready' })
        if (state.at === 'refitting' && end.asked) {
          state.active.runWatch.begin()
        } else if (end.asked || endedWell(state.active, end)) {
          state.active.senderStopped()
        } else {
          const { causes, details } = managedLegs(state.active).causesOf(
            end.log,
          )
          state.active.senderFailed(causes, details)
        }
        this.#options.onChange()
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
    const state = this.#state
    if (!isStarted(state)) return
    this.#enter({
      ...startedOf(state),
      at: 'over',
      // The next run has to bring RTP again.
      hasRtp: false,
      ingest: ingestOf(state),
    })
  }

  startExternal(start: ExternalStart): void {
    void this.#openExternal(start, 0)
  }

  async stop(): Promise<void> {
    if (isStarted(this.#state)) await this.#end({ at: 'stopped' })
  }

  async remove(): Promise<void> {
    this.#options.onRemoved()
    await this.#end({ at: 'removed' })
    this.#releasePorts()
  }

  async openViewer(
    request: ViewerRequest,
    signal: AbortSignal,
  ): Promise<ViewerTransport> {
    const { active, ingest } = this.#playable()
    try {
      const viewer = await ingest.viewers.open(request, signal)
      if (ingestOf(this.#state) === ingest) return viewer
    } catch (error) {
      // After a stop, errors here are its side effects.
      if (this.#isActive(active)) throw toStreamError(error)
    }
    throw new StreamError('not-live', 'Cannot play the stream: it was stopped')
  }

  /** @throws {StreamError} */
  #playable(): { active: ActiveStream; ingest: StreamIngest } {
    const state = this.#state
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

  /**
   * Opens the ingest, unless it is open, and then does `finish`. On failure all
   * legs count as failed, unless the worker died: then a restart has begun.
   * @throws {StreamError}
   */
  async #prepare<Result>(
    restartSender: Started['restartSender'],
    finish: (active: ActiveStream, signal: AbortSignal) => Promise<Result>,
  ): Promise<Result> {
    const { promise: done, resolve } = Promise.withResolvers<undefined>()
    const { active, hasRtp } = this.#startedOrNew()
    this.#enter({
      at: 'preparing',
      ...{ active, hasRtp, restartSender, done },
      ingest: ingestOf(this.#state),
    })
    try {
      const signal = active.openTimeout()
      const ingest = await this.#openIngest(done, signal)
      const result = await finish(active, signal)
      const started = startedOf(this.#preparation(done))
      this.#enter({ ...started, at: 'ready', ingest })
      return result
    } catch (cause) {
      const error = toStreamError(cause)
      this.#preparationFailed(done, error)
      throw error
    } finally {
      resolve(undefined)
    }
  }

  async #openIngest(
    done: Promise<void>,
    signal: AbortSignal,
  ): Promise<StreamIngest> {
    const { engine, settings } = this.#options
    const { active } = this.#preparation(done)
    const { legs, monitor } = active
    if (legs instanceof ManagedLegs && !(await legs.sendersReady())) {
      // The legs know FFmpeg by ports that it cannot have again.
      this.#enter({ ...this.#preparation(done), ingest: undefined })
    }
    const { ingest } = this.#preparation(done)
    if (ingest !== undefined) return ingest
    const opened = await openIngest({
      ...{ engine, settings, codecs: this.codecs, legs, monitor, signal },
      onLost: died => {
        this.#ingestLost(active, died)
      },
    })
    try {
      this.#enter({ ...this.#preparation(done), ingest: opened })
      return opened
    } catch (error) {
      opened.close()
      throw error
    }
  }

  /**
   * The state, if it is still this preparation.
   * @throws {StreamError}
   */
  #preparation(done: Promise<void>) {
    const state = this.#state
    if (state.at === 'preparing' && state.done === done) return state
    throw new StreamError('worker', 'Cannot prepare the stream: it was stopped')
  }

  #preparationFailed(done: Promise<void>, { code }: StreamError): void {
    const state = this.#state
    if (state.at !== 'preparing' || state.done !== done) return
    const { ingest } = state
    const started = startedOf(state)
    if (ingest) this.#enter({ ...started, at: 'ready', ingest })
    else this.#enter({ ...started, at: 'failed', retry: undefined })
    const cause = code === 'ports' ? 'bind' : 'worker'
    state.active.senderFailed(
      new Map(this.#plans.map(({ kind }) => [kind, cause])),
    )
  }

  /**
   * Opens the legs of an external stream. Retries with back-off. Never rejects.
   * @param failures attempts in a row that have failed before
   */
  async #openExternal(start: ExternalStart, failures: number): Promise<void> {
    const isStopped = () => start.signal.aborted
    if (isStopped()) return
    start.onState({ at: 'starting' })
    // An update may start the stream again while it starts.
    while (this.#state.at === 'preparing') await this.#state.done
    if (isStopped()) return
    const restartSender = () => {
      this.startExternal(start)
    }
    if (this.#state.at === 'running') {
      this.#enter({ ...this.#state, restartSender })
      start.onState({ at: 'running' })
      return
    }
    const error = await this.#prepare(restartSender, () =>
      Promise.resolve(undefined),
    ).catch(toStreamError)
    if (isStopped()) return
    // In any other state it was stopped, or has lost its worker again.
    if (this.#state.at === 'ready') {
      this.#senderStarted(this.#state)
      start.onState({ at: 'running' })
    } else if (this.#state.at === 'failed' && error) {
      const retryMs = start.retryDelayMs(failures + 1)
      const retry =
        retryMs === undefined
          ? undefined
          : setTimeout(() => {
              void this.#openExternal(start, failures + 1)
            }, retryMs)
      this.#enter({ ...this.#state, retry })
      start.onState({ at: 'failed', error, retryMs })
    }
  }

  #senderStarted(state: StreamState & { readonly at: 'ready' }): void {
    state.active.senderStarted()
    this.#enter({ ...state, at: 'running' })
  }

  #ingestLost(active: ActiveStream, died: boolean): void {
    const state = this.#state
    if (!isStarted(state) || state.active !== active) return
    active.senderStopped()
    const started = startedOf(state)
    this.#enter(
      state.at === 'over'
        ? { ...started, at: 'over', ingest: undefined }
        : { ...started, at: 'lost' },
    )
    // Otherwise our own shutdown has closed the worker.
    if (!died) return
    this.#log.warn('stream lost its worker')
    state.restartSender('its worker died')
  }

  async #end(next: StreamState & { at: 'stopped' | 'removed' }): Promise<void> {
    const last = this.#state
    this.#loggedReason = undefined
    this.#enter(next)
    if (!isStarted(last)) return
    await last.active.close(last.at === 'preparing' ? last.done : undefined)
  }

  /** The only place where the state changes. */
  #enter(next: StreamState): void {
    const last = this.#state
    this.#state = next
    leaveState(last, next)
    this.#options.onChange()
  }

  #isActive(active: ActiveStream): boolean {
    return isStarted(this.#state) && this.#state.active === active
  }

  /** @throws {StreamError} */
  #startedOrNew(): Pick<Started, 'active' | 'hasRtp'> {
    const state = this.#state
    if (isStarted(state)) return state
    if (state.at === 'stopped') {
      return { active: this.#newActive(), hasRtp: false }
    }
    throw new StreamError('not-live', 'Cannot start the stream: it is removed')
  }

  #newActive(): ActiveStream {
    const { config, engine, settings } = this.#options
    const plans = this.#plans
    const shared = { plans, cname: this.id, udpPorts: engine.udpPorts }
    const active: ActiveStream = new ActiveStream({
      plans,
      legs:
        config.ingest === 'managed'
          ? new ManagedLegs({ ...shared, config })
          : new ExternalLegs({ ...shared, config }),
      settings,
      origin: kind => legOrigin(config, kind),
      onLegEdge: (kind, edge) => {
        if (this.#isActive(active)) this.#onLegEdge(kind, edge)
      },
      onLook: () => {
        if (this.#isActive(active)) this.#logHealth()
      },
    })
    return active
  }

  #view(): RunningView | undefined {
    const state = this.#state
    if (!isStarted(state)) return undefined
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
    const { report, onChange } = this.#options
    const state = this.#state
    if (!isStarted(state)) return
    if (edge === 'live') {
      this.#log.info('leg carries RTP', { leg })
      this.#enter({ ...state, hasRtp: true })
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
    onChange()
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

/** @throws {StreamError} */
function managedLegs({ legs }: ActiveStream): ManagedLegs {
  if (legs instanceof ManagedLegs) return legs
  throw ingestIsExternal()
}

function ingestIsExternal(): StreamError {
  return new StreamError('worker', 'Cannot run FFmpeg: ingest is external')
}

/** Whether FFmpeg has come to the end of a file, which is no failure. */
function endedWell(active: ActiveStream, { code }: RunEnd): boolean {
  return code === 0 && managedLegs(active).inputsEnd
}
