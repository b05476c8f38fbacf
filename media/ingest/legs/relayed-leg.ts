import type { DirectTransport, Producer, Router } from 'mediasoup/types'

import { withAbort } from '../../engine/with-abort.ts'
import type { LegInbox } from './rtp-receiver.ts'
import type { Leg } from '../leg.ts'
import { producerParameters, type LegPlan } from '../leg-plan.ts'
import type { LegTraffic } from '../watch/leg-traffic.ts'
import type { RtpContinuity } from '../rtp/rtp-rewriter.ts'
import { readRtpHeader } from '../rtp/rtp-packet.ts'

/** What outlives a leg, so that a new worker goes on where the old one ended. */
export interface Relay {
  readonly inbox: LegInbox
  readonly continuity: RtpContinuity
  /** Where somebody else sends: what is seen of it. */
  readonly traffic?: LegTraffic
}

export interface RelayedLegOptions {
  readonly router: Router
  readonly plan: LegPlan
  readonly cname: string
  readonly relay: Relay
  /** The only port that RTP is heard from; undefined: any. */
  readonly senderPort?: number
  readonly signal: AbortSignal
}

/**
 * A leg whose packets pass through this process, since no transport of
 * mediasoup makes one stream of several senders, or of several runs of one.
 */
export class RelayedLeg implements Leg {
  readonly plan: LegPlan
  readonly producer: Producer
  readonly traffic: LegTraffic | undefined
  readonly #inbox: LegInbox
  readonly #transport: DirectTransport
  #packets = 0

  private constructor(
    { plan, relay, senderPort }: RelayedLegOptions,
    transport: DirectTransport,
    producer: Producer,
  ) {
    const { inbox, continuity, traffic } = relay
    this.plan = plan
    this.producer = producer
    this.traffic = traffic
    this.#inbox = inbox
    this.#transport = transport
    inbox.readBy({
      rtp: (packet, { address, port }) => {
        if (senderPort !== undefined && port !== senderPort) return
        const header = readRtpHeader(packet)
        if (header === undefined) return
        if (traffic?.isOwn(header) === false) return
        const nowMs = performance.now()
        if (!continuity.rtp(packet, `${address} ${port}`, nowMs)) return
        traffic?.passed(header, packet, nowMs)
        this.#packets++
        // send() throws once its worker is gone.
        if (!producer.closed) producer.send(packet)
      },
      rtcp: packet => {
        if (!continuity.rtcp(packet, performance.now())) return
        if (!transport.closed) transport.sendRtcp(packet)
      },
    })
  }

  /** @throws {EngineError} */
  static async open(options: RelayedLegOptions): Promise<RelayedLeg> {
    const { router, plan, cname, signal } = options
    const action = `open the ${plan.kind} leg`
    const asked = router.createDirectTransport()
    const transport = await withAbort(action, asked, signal, late => {
      late.close()
    })
    const produced = transport.produce({
      kind: plan.kind,
      rtpParameters: producerParameters(plan, cname),
    })
    try {
      const producer = await withAbort(
        action,
        produced,
        signal,
        () => undefined,
      )
      return new RelayedLeg(options, transport, producer)
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
