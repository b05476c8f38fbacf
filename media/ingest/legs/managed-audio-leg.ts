import type { Router } from 'mediasoup/types'

import type { LegOutput, LegPorts } from '../run/ffmpeg-output.ts'
import type { LegPlan } from '../leg-plan.ts'
import type { ManagedLeg } from '../managed-leg.ts'
import { RelayedLeg, type Relay } from './relayed-leg.ts'
import type { SenderPorts } from './sender-ports.ts'

export interface ManagedAudioLegOptions {
  readonly router: Router
  readonly plan: LegPlan
  /** The same for all legs of a stream. */
  readonly cname: string
  readonly relay: Relay
  readonly sender: SenderPorts
  readonly signal: AbortSignal
}

/**
 * The audio leg that our own FFmpeg sends. Each run of FFmpeg begins at a
 * random RTP timestamp, and where that of audio leaps, Chromium may play broken
 * sound from then on; so its 50 small packets a second pass through this
 * process, to be put right. Video, with far more, goes straight into the
 * worker: a leap costs a browser a freeze, mostly short.
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
    const { rtp, rtcp } = relay.inbox.ports
    return { rtp, rtcp, localRtp: sender.rtp, localRtcp: sender.rtcp }
  }

  packets(): Promise<number> {
    return this.#leg.packets()
  }

  nextRun(): Promise<LegOutput> {
    const { plan, cname, relay } = this.#options
    relay.continuity.senderGone()
    const output = { plan, cname, ports: this.ports, firstSequence: 1 }
    return Promise.resolve(output)
  }

  close(): void {
    this.#leg.close()
  }
}
