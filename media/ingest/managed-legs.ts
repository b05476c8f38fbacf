import type { MediaKind, Router } from 'mediasoup/types'

import { withAbort } from '../engine/with-abort.ts'
import { LOOPBACK } from '../engine/local-rtp.ts'
import type { MediaWorker } from '../engine/media-worker.ts'
import type { PortPool } from '../engine/port-pool.ts'
import type { RunArguments, RunInputs } from '../ffmpeg/run-port.ts'
import type { LegPlan } from './leg-plan.ts'
import type { LegSet, ManagedLeg } from './leg.ts'
import { ManagedAudioLeg } from './legs/managed-audio-leg.ts'
import { ManagedVideoLeg } from './legs/managed-video-leg.ts'
import { LegRelay } from './legs/leg-relay.ts'
import { leaseSenderPorts, type SenderPorts } from './legs/sender-ports.ts'
import type { RelayThread } from './relay/relay-thread.ts'
import { failureCauses, type FailureCauses } from './run/failure-cause.ts'
import { audioOutput, NO_SDP_OUTPUT, videoOutput } from './run/ffmpeg-output.ts'
import type { InputFacts } from './run/input-facts.ts'
import { RunPlanner } from './run/run-planner.ts'
import type { ManagedWebrtc } from './webrtc-config.ts'

export interface ManagedLegsOptions {
  readonly config: ManagedWebrtc
  readonly plans: readonly LegPlan[]
  readonly cname: string
  readonly udpPorts: PortPool
  readonly relayThread: RelayThread
}

/**
 * The legs that our own FFmpeg sends. FFmpeg's ports, and the sockets that
 * receive audio, live as long as this object; legs are reopened when their
 * worker dies.
 */
export class ManagedLegs implements LegSet {
  readonly #options: ManagedLegsOptions
  readonly #senders = new Map<MediaKind, SenderPorts>()
  readonly #planner: RunPlanner
  #audioRelay: LegRelay | undefined
  #legs: readonly ManagedLeg[] = []

  constructor(options: ManagedLegsOptions) {
    this.#options = options
    this.#planner = new RunPlanner(options.config)
  }

  /** What FFmpeg last reported about its inputs; undefined before it has. */
  get facts(): InputFacts | undefined {
    return this.#planner.facts
  }

  /** Whether all inputs have an end, at which FFmpeg exits normally. */
  get inputsEnd(): boolean {
    return this.#planner.ends
  }

  async open(
    worker: MediaWorker,
    router: Router,
    signal: AbortSignal,
  ): Promise<readonly ManagedLeg[]> {
    const { plans } = this.#options
    const legs: ManagedLeg[] = []
    try {
      for (const plan of plans) {
        legs.push(await this.#openLeg(plan, worker, router, signal))
      }
      this.#legs = legs
      return legs
    } catch (error) {
      for (const leg of legs) leg.close()
      throw error
    }
  }

  /**
   * Whether FFmpeg, which has ended, can bind its ports again. If not, the
   * legs must be reopened, because they recognize their sender by its port.
   */
  async portsAvailable(): Promise<boolean> {
    const senders = [...this.#senders]
    const free = await Promise.all(senders.map(([, sender]) => sender.check()))
    senders.forEach(([kind], index) => {
      if (free[index] === false) this.#senders.delete(kind)
    })
    return !free.includes(false)
  }

  /**
   * Returns FFmpeg's arguments for its next run, which reads `inputs`.
   * @throws {EngineError} if the worker does not respond
   */
  async nextRun(
    inputs: RunInputs | undefined,
    signal: AbortSignal,
  ): Promise<RunArguments> {
    const { video, audio } = this.#options.config
    const counting = Promise.all(this.#legs.map(leg => leg.nextRun()))
    const runs = await withAbort(
      'count packets',
      counting,
      signal,
      () => undefined,
    )
    const inputOptions = await this.#planner.begin(inputs, Date.now())
    const outputs = runs.flatMap(run => {
      const { kind } = run.plan
      const settings = this.#planner.outputSettings(kind)
      return kind === 'video'
        ? videoOutput(video, run, settings)
        : audioOutput(audio, run, settings)
    })
    return { inputOptions, outputs: [...outputs, ...NO_SDP_OUTPUT] }
  }

  /**
   * Reads a line of FFmpeg's log.
   * @returns true if FFmpeg's arguments turn out not to fit its inputs; those
   *   of the next run will
   */
  readLine(line: string): boolean {
    return this.#planner.readLine(line)
  }

  /** Returns why FFmpeg ended, for each leg, from its last lines. */
  causesOf(log: readonly string[]): FailureCauses {
    const { config } = this.#options
    const suspects = this.#legs.map(({ plan: { kind }, ports }) => ({
      kind,
      ports,
      copied: config[kind].codec === 'copy',
      options: config[kind].options ?? [],
    }))
    return failureCauses(log, suspects)
  }

  /** Releases FFmpeg's ports, after it has ended. Idempotent. */
  async close(): Promise<void> {
    for (const sender of this.#senders.values()) sender.release()
    this.#senders.clear()
    const relay = this.#audioRelay
    this.#audioRelay = undefined
    await relay?.close()
  }

  async #openLeg(
    plan: LegPlan,
    worker: MediaWorker,
    router: Router,
    signal: AbortSignal,
  ): Promise<ManagedLeg> {
    const { cname, udpPorts } = this.#options
    const sender = await this.#senderOf(plan.kind)
    const shared = { router, udpPorts, plan, cname, sender, signal }
    if (plan.kind === 'video') {
      return await ManagedVideoLeg.open({ ...shared, worker })
    }
    const relay = await this.#relayOf(plan)
    return await ManagedAudioLeg.open({ ...shared, relay })
  }

  async #relayOf(audio: LegPlan): Promise<LegRelay> {
    const { udpPorts, relayThread } = this.#options
    this.#audioRelay ??= await LegRelay.open({
      thread: relayThread,
      plan: audio,
      listen: LOOPBACK,
      lease: () => udpPorts.leaseProbed(),
      udpPorts,
      inspect: false,
    })
    return this.#audioRelay
  }

  async #senderOf(kind: MediaKind): Promise<SenderPorts> {
    const known = this.#senders.get(kind)
    if (known !== undefined) return known
    const sender = await leaseSenderPorts(this.#options.udpPorts)
    this.#senders.set(kind, sender)
    return sender
  }
}
