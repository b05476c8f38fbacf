import type { MediaKind, Router } from 'mediasoup/types'

import { bounded } from '../engine/bounded.ts'
import type { MediaWorker } from '../engine/media-worker.ts'
import type { PortPool } from '../engine/port-pool.ts'
import { failureCauses } from './failure-cause.ts'
import { audioOutput, videoOutput } from './ffmpeg-output.ts'
import type { LegSet } from './leg.ts'
import type { LegPlan } from './leg-plan.ts'
import type { LegFailure } from './leg-watch.ts'
import { ManagedLeg } from './managed-leg.ts'
import { takeSenderPorts, type SenderPorts } from './sender-ports.ts'
import type { ManagedWebrtc } from './webrtc-config.ts'

export interface ManagedLegsOptions {
  readonly config: ManagedWebrtc
  readonly plans: readonly LegPlan[]
  readonly cname: string
  readonly udpPorts: PortPool
}

/**
 * The legs that our own FFmpeg sends. FFmpeg's ports live as long as this;
 * the legs go and come again when their worker dies.
 */
export class ManagedLegs implements LegSet {
  readonly #options: ManagedLegsOptions
  readonly #senders = new Map<MediaKind, SenderPorts>()
  #legs: readonly ManagedLeg[] = []

  constructor(options: ManagedLegsOptions) {
    this.#options = options
  }

  async open(
    worker: MediaWorker,
    router: Router,
    signal: AbortSignal,
  ): Promise<readonly ManagedLeg[]> {
    const { plans, cname, udpPorts } = this.#options
    const legs: ManagedLeg[] = []
    try {
      for (const plan of plans) {
        const sender = await this.#senderOf(plan.kind)
        const leg = { worker, router, udpPorts, plan, cname, sender, signal }
        legs.push(await ManagedLeg.open(leg))
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
   * FFmpeg's arguments for its next run.
   * @throws {EngineError} when the worker does not answer
   */
  async outputs(signal: AbortSignal): Promise<readonly string[]> {
    const { video, audio } = this.#options.config
    const asked = Promise.all(this.#legs.map(leg => leg.nextRun()))
    const runs = await bounded('count packets', asked, signal, () => undefined)
    return runs.flatMap(run =>
      run.plan.kind === 'video'
        ? videoOutput(video, run)
        : audioOutput(audio, run),
    )
  }

  /** Why FFmpeg ended, for each leg, from its last lines. */
  causesOf(log: readonly string[]): ReadonlyMap<MediaKind, LegFailure> {
    const suspects = this.#legs.map(({ plan, ports }) => ({
      kind: plan.kind,
      ports,
    }))
    return failureCauses(log, suspects)
  }

  /** Gives back FFmpeg's ports, after it is gone. */
  close(): void {
    for (const sender of this.#senders.values()) sender.release()
    this.#senders.clear()
  }

  async #senderOf(kind: MediaKind): Promise<SenderPorts> {
    const known = this.#senders.get(kind)
    if (known !== undefined) return known
    const sender = await takeSenderPorts(this.#options.udpPorts)
    this.#senders.set(kind, sender)
    return sender
  }
}
