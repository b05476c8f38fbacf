import type { MediaKind, Router } from 'mediasoup/types'

import type { MediaWorker } from '../engine/media-worker.ts'
import type { PortPool } from '../engine/port-pool.ts'
import { ExternalLeg } from './external-leg.ts'
import { LegInbox } from './leg-inbox.ts'
import type { LegSet } from './leg.ts'
import { codecParameters, type LegPlan } from './leg-plan.ts'
import { RtpContinuity } from './rtp-continuity.ts'
import type { ExternalWebrtc } from './webrtc-config.ts'

export interface ExternalLegsOptions {
  readonly config: ExternalWebrtc
  readonly plans: readonly LegPlan[]
  readonly cname: string
  readonly udpPorts: PortPool
}

interface Way {
  readonly inbox: LegInbox
  readonly continuity: RtpContinuity
}

/**
 * The legs that somebody else sends. The sockets live as long as this; the
 * legs go and come again when their worker dies, and no sender notices.
 */
export class ExternalLegs implements LegSet {
  readonly #options: ExternalLegsOptions
  readonly #ways = new Map<MediaKind, Way>()

  constructor(options: ExternalLegsOptions) {
    this.#options = options
  }

  /** @throws {EngineError} those that were opened are closed */
  async open(
    _worker: MediaWorker,
    router: Router,
    signal: AbortSignal,
  ): Promise<readonly ExternalLeg[]> {
    const { plans, cname } = this.#options
    const legs: ExternalLeg[] = []
    try {
      for (const plan of plans) {
        const way = await this.#wayOf(plan)
        legs.push(
          await ExternalLeg.open({ router, plan, cname, signal, ...way }),
        )
      }
      return legs
    } catch (error) {
      for (const leg of legs) leg.close()
      throw error
    }
  }

  /** Closes the sockets. Idempotent. */
  close(): void {
    for (const { inbox } of this.#ways.values()) inbox.close()
    this.#ways.clear()
  }

  async #wayOf(plan: LegPlan): Promise<Way> {
    const known = this.#ways.get(plan.kind)
    if (known !== undefined) return known
    const { config, udpPorts } = this.#options
    const { port, rtcp_port: rtcpPort } = config[plan.kind]
    const { listen } = config
    const way = {
      inbox: await LegInbox.open({ listen, port, rtcpPort, udpPorts }),
      continuity: new RtpContinuity({
        ssrc: plan.ssrc,
        payloadType: plan.payloadType,
        clockRate: codecParameters(plan.codec, plan.payloadType).clockRate,
      }),
    }
    this.#ways.set(plan.kind, way)
    return way
  }
}
