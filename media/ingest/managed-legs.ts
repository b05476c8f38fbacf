import type { MediaKind, Router } from 'mediasoup/types'

import { bounded } from '../engine/bounded.ts'
import type { MediaWorker } from '../engine/media-worker.ts'
import type { PortPool } from '../engine/port-pool.ts'
import { audioOutput, videoOutput } from './ffmpeg-output.ts'
import type { LegPlan } from './leg-plan.ts'
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
export class ManagedLegs {
  readonly #options: ManagedLegsOptions
  readonly #senders = new Map<MediaKind, SenderPorts>()

  constructor(options: ManagedLegsOptions) {
    this.#options = options
  }

  /** @throws {EngineError} those that were opened are closed */
  async open(
    worker: MediaWorker,
    router: Router,
    signal: AbortSignal,
  ): Promise<readonly ManagedLeg[]> {
    const { plans, cname, udpPorts } = this.#options
    const legs: ManagedLeg[] = []
    try {
      for (const plan of plans) {
        const sender =
          this.#senders.get(plan.kind) ?? (await takeSenderPorts(udpPorts))
        this.#senders.set(plan.kind, sender)
        const leg = { worker, router, udpPorts, plan, cname, sender, signal }
        legs.push(await ManagedLeg.open(leg))
      }
      return legs
    } catch (error) {
      for (const leg of legs) leg.close()
      throw error
    }
  }

  /**
   * FFmpeg's arguments for its next run.
   * @throws {EngineError} when the worker does not answer
   */
  async outputs(
    legs: readonly ManagedLeg[],
    signal: AbortSignal,
  ): Promise<readonly string[]> {
    const { video, audio } = this.#options.config
    const asked = Promise.all(legs.map(leg => leg.nextRun()))
    const runs = await bounded('count packets', asked, signal, () => undefined)
    return runs.flatMap(run =>
      run.plan.kind === 'video'
        ? videoOutput(video, run)
        : audioOutput(audio, run),
    )
  }

  /** Gives back FFmpeg's ports, after it is gone. Idempotent. */
  close(): void {
    for (const sender of this.#senders.values()) sender.release()
    this.#senders.clear()
  }
}
