import type { DirectTransport, Producer, Router } from 'mediasoup/types'

import { bounded } from '../engine/bounded.ts'
import type { LegInbox } from './leg-inbox.ts'
import type { Leg } from './leg.ts'
import { producerParameters, type LegPlan } from './leg-plan.ts'
import type { RtpContinuity } from './rtp-continuity.ts'

export interface ExternalLegOptions {
  readonly router: Router
  readonly plan: LegPlan
  readonly cname: string
  readonly inbox: LegInbox
  /** Outlives the leg, so that a new worker goes on where the old one ended. */
  readonly continuity: RtpContinuity
  readonly signal: AbortSignal
}

/**
 * A leg that somebody else sends. Its packets pass through this process: a
 * transport of mediasoup would insist on the first sender's port and SSRC.
 */
export class ExternalLeg implements Leg {
  readonly plan: LegPlan
  readonly producer: Producer
  readonly #inbox: LegInbox
  readonly #transport: DirectTransport
  #packets = 0

  private constructor(
    { plan, inbox, continuity }: ExternalLegOptions,
    transport: DirectTransport,
    producer: Producer,
  ) {
    this.plan = plan
    this.producer = producer
    this.#inbox = inbox
    this.#transport = transport
    inbox.readBy({
      rtp: (packet, { address, port }) => {
        const from = `${address} ${port}`
        if (!continuity.rtp(packet, from, performance.now())) return
        this.#packets++
        // send() throws once its worker is gone.
        if (!producer.closed) producer.send(packet)
      },
      rtcp: packet => {
        if (!continuity.rtcp(packet)) return
        if (!transport.closed) transport.sendRtcp(packet)
      },
    })
  }

  /** @throws {EngineError} */
  static async open(options: ExternalLegOptions): Promise<ExternalLeg> {
    const { router, plan, cname, signal } = options
    const action = `open the ${plan.kind} leg`
    const asked = router.createDirectTransport()
    const transport = await bounded(action, asked, signal, late => {
      late.close()
    })
    const produced = transport.produce({
      kind: plan.kind,
      rtpParameters: producerParameters(plan, cname),
    })
    try {
      const producer = await bounded(action, produced, signal, () => undefined)
      return new ExternalLeg(options, transport, producer)
    } catch (error) {
      transport.close()
      throw error
    }
  }

  packets(): Promise<number> {
    return Promise.resolve(this.#packets)
  }

  close(): void {
    this.#inbox.readBy(undefined)
    this.#transport.close()
  }
}
