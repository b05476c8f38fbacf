import type { MediaKind, Router } from 'mediasoup/types'

import { withAbort } from '../engine/with-abort.ts'
import { LOOPBACK } from '../engine/local-rtp.ts'
import type { MediaWorker } from '../engine/media-worker.ts'
import type { PortPool } from '../engine/port-pool.ts'
import type { RunArguments, RunInputs } from '../ffmpeg/run-port.ts'
import { failureCauses, type FailureCauses } from './failure-cause.ts'
import { audioOutput, NO_SDP_OUTPUT, videoOutput } from './ffmpeg-output.ts'
import type { InputFacts } from './input-facts.ts'
import { LegInbox } from './leg-inbox.ts'
import type { LegSet } from './leg.ts'
import type { LegPlan } from './leg-plan.ts'
import { ManagedAudioLeg } from './managed-audio-leg.ts'
import type { ManagedLeg } from './managed-leg.ts'
import { ManagedVideoLeg } from './managed-video-leg.ts'
import type { Relay } from './relayed-leg.ts'
import { continuityOf } from './rtp-continuity.ts'
import { RunFitting } from './run-fitting.ts'
import { takeSenderPorts, type SenderPorts } from './sender-ports.ts'
import type { ManagedWebrtc } from './webrtc-config.ts'

export interface ManagedLegsOptions {
  readonly config: ManagedWebrtc
  readonly plans: readonly LegPlan[]
  readonly cname: string
  readonly udpPorts: PortPool
}

/**
 * The legs that our own FFmpeg sends. FFmpeg's ports, and those that audio is
 * sent to, live as long as this; the legs go and come again when their worker
 * dies.
 */
export class ManagedLegs implements LegSet {
  readonly #options: ManagedLegsOptions
  readonly #senders = new Map<MediaKind, SenderPorts>()
  readonly #fitting: RunFitting
  #audioRelay: Relay | undefined
  #legs: readonly ManagedLeg[] = []

  constructor(options: ManagedLegsOptions) {
    this.#options = options
    this.#fitting = new RunFitting(options.config)
  }

  /** What FFmpeg said of its inputs last; undefined before it did. */
  get facts(): InputFacts | undefined {
    return this.#fitting.facts
  }

  /** Whether the inputs have an end, at which FFmpeg ends well. */
  get inputsEnd(): boolean {
    return this.#fitting.ends
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
   * Whether FFmpeg, which is gone now, can have its ports again. Where not,
   * the legs must be closed and opened anew: they know their sender by its
   * port.
   */
  async sendersReady(): Promise<boolean> {
    const senders = [...this.#senders]
    const free = await Promise.all(senders.map(([, sender]) => sender.check()))
    senders.forEach(([kind], index) => {
      if (free[index] === false) this.#senders.delete(kind)
    })
    return !free.includes(false)
  }

  /**
   * FFmpeg's arguments for its next run, which reads `inputs`.
   * @throws {EngineError} when the worker does not answer
   */
  async nextRun(
    inputs: RunInputs | undefined,
    signal: AbortSignal,
  ): Promise<RunArguments> {
    const { video, audio } = this.#options.config
    const asked = Promise.all(this.#legs.map(leg => leg.nextRun()))
    const runs = await withAbort(
      'count packets',
      asked,
      signal,
      () => undefined,
    )
    const inputOptions = await this.#fitting.begin(inputs, Date.now())
    const outputs = runs.flatMap(run => {
      const { kind } = run.plan
      const treatment = this.#fitting.treatmentOf(kind)
      return kind === 'video'
        ? videoOutput(video, run, treatment)
        : audioOutput(audio, run, treatment)
    })
    return { inputOptions, outputs: [...outputs, ...NO_SDP_OUTPUT] }
  }

  /**
   * Takes a line of FFmpeg. True: its arguments do not fit its inputs, and
   * those of the next run will.
   */
  heard(line: string): boolean {
    return this.#fitting.heard(line)
  }

  /** Why FFmpeg ended, for each leg, from its last lines. */
  causesOf(log: readonly string[]): FailureCauses {
    const { config } = this.#options
    const suspects = this.#legs.map(({ plan: { kind }, ports }) => ({
      kind,
      ports,
      copied: config[kind].codec === 'copy',
    }))
    return failureCauses(log, suspects)
  }

  /** Gives back FFmpeg's ports, after it is gone. */
  close(): void {
    for (const sender of this.#senders.values()) sender.release()
    this.#senders.clear()
    this.#audioRelay?.inbox.close()
    this.#audioRelay = undefined
  }

  async #openLeg(
    plan: LegPlan,
    worker: MediaWorker,
    router: Router,
    signal: AbortSignal,
  ): Promise<ManagedLeg> {
    const { cname, udpPorts } = this.#options
    const sender = await this.#senderOf(plan.kind)
    const shared = { router, plan, cname, sender, signal }
    if (plan.kind === 'video') {
      return await ManagedVideoLeg.open({ ...shared, worker, udpPorts })
    }
    const relay = await this.#relayOf(plan)
    return await ManagedAudioLeg.open({ ...shared, relay })
  }

  async #relayOf(audio: LegPlan): Promise<Relay> {
    this.#audioRelay ??= {
      inbox: await LegInbox.open({
        listen: LOOPBACK,
        take: () => this.#options.udpPorts.leaseProbed(),
      }),
      continuity: continuityOf(audio),
    }
    return this.#audioRelay
  }

  async #senderOf(kind: MediaKind): Promise<SenderPorts> {
    const known = this.#senders.get(kind)
    if (known !== undefined) return known
    const sender = await takeSenderPorts(this.#options.udpPorts)
    this.#senders.set(kind, sender)
    return sender
  }
}
