import type { Router } from 'mediasoup/types'

import type { PortPool } from '../../engine/port-pool.ts'
import type { LegPlan } from '../leg-plan.ts'
import type { ManagedLeg } from '../leg.ts'
import type { LegOutput, LegPorts } from '../run/ffmpeg-output.ts'
import type { LegRelay } from './leg-relay.ts'
import { RelayedLeg } from './relayed-leg.ts'
import type { SenderPorts } from './sender-ports.ts'

export interface ManagedAudioLegOptions {
  readonly router: Router
  readonly udpPorts: PortPool
  readonly plan: LegPlan
  /** The same for all legs of a stream. */
  readonly cname: string
  readonly relay: LegRelay
  readonly sender: SenderPorts
  readonly signal: AbortSignal
}

/**
 * The audio leg that our own FFmpeg sends. Each run of FFmpeg starts at a
 * random RTP timestamp, and after such a jump Chromium may play broken audio
 * until it reconnects. So the 50 small packets a second pass through the
 * relay thread, which rewrites them. Video has far more packets and goes straight
 * into the worker: there a jump costs a browser a freeze, usually a short one.
 */
export class ManagedAudioLeg implements ManagedLeg {
  readonly #options: ManagedAudioLegOptions
  readonly #leg: RelayedLeg

  private constructor(options: ManagedAudioLegOptions, leg: RelayedLeg) {
    this.#options = options
    this.#leg = leg
  }

  /** @throws {EngineError} */
  static async open(options: ManagedAudioLegOptions): Promise<ManagedAudioLeg> {
    const senderPort = options.sender.rtp
    const leg = await RelayedLeg.open({ ...options, senderPort })
    return new ManagedAudioLeg(options, leg)
  }

  get plan(): LegPlan {
    return this.#options.plan
  }

  get producer() {
    return this.#leg.producer
  }

  get ports(): LegPorts {
    const { relay, sender } = this.#options
    const { rtp, rtcp } = relay.ports
    return { rtp, rtcp, localRtp: sender.rtp, localRtcp: sender.rtcp }
  }

  packets(): Promise<number> {
    return this.#leg.packets()
  }

  async nextRun(): Promise<LegOutput> {
    const { plan, cname, relay } = this.#options
    await relay.endSender()
    return { plan, cname, ports: this.ports, firstSequence: 1 }
  }

  close(): void {
    this.#leg.close()
  }
}
