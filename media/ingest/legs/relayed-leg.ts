/**
 * media/ingest/legs is where RTP enters.
 * Owns: the receiving sockets and transports of single legs, and the ports
 * that FFmpeg sends from.
 * Gets: a router, leased ports, packets. Gives: a producer per leg. To read
 * it: this file, then managed-audio-leg.ts and managed-video-leg.ts.
 */
import type { Producer, Router } from 'mediasoup/types'

import { LocalSender } from '../../engine/local-sender.ts'
import type { PortPool } from '../../engine/port-pool.ts'
import { withAbort } from '../../engine/with-abort.ts'
import { producerParameters, type LegPlan } from '../leg-plan.ts'
import type { Leg } from '../leg.ts'
import { readRtpHeader } from '../rtp/rtp-packet.ts'
import type { RtpRewriter } from '../rtp/rtp-rewriter.ts'
import type { LegTraffic } from '../watch/leg-traffic.ts'
import type { RtpReceiver } from './rtp-receiver.ts'

/** What survives a worker restart, so that the stream continues unbroken. */
export interface RelayState {
  readonly receiver: RtpReceiver
  readonly rewriter: RtpRewriter
  /** Of external senders only. */
  readonly traffic?: LegTraffic
}

export interface RelayedLegOptions {
  readonly router: Router
  readonly udpPorts: PortPool
  readonly plan: LegPlan
  readonly cname: string
  readonly relay: RelayState
  /** The only source port that RTP is accepted from; undefined: any. */
  readonly senderPort?: number
  readonly signal: AbortSignal
}

/**
 * A leg whose packets pass through this process, because no mediasoup
 * transport joins the packets of several senders, or of several runs of one,
 * into one stream.
 */
export class RelayedLeg implements Leg {
  readonly plan: LegPlan
  readonly producer: Producer
  readonly traffic: LegTraffic | undefined
  readonly #receiver: RtpReceiver
  readonly #sender: LocalSender
  #packets = 0

  private constructor(
    { plan, relay, senderPort }: RelayedLegOptions,
    sender: LocalSender,
    producer: Producer,
  ) {
    const { receiver, rewriter, traffic } = relay
    this.plan = plan
    this.producer = producer
    this.traffic = traffic
    this.#receiver = receiver
    this.#sender = sender
    receiver.handlePackets({
      rtp: (packet, { address, port }) => {
        if (senderPort !== undefined && port !== senderPort) return
        const header = readRtpHeader(packet)
        if (header === undefined) return
        if (traffic?.checkPayloadType(header) === false) return
        const nowMs = performance.now()
        if (!rewriter.rtp(packet, `${address} ${port}`, nowMs)) return
        traffic?.forwarded(header, packet, nowMs)
        this.#packets++
        sender.send(packet)
      },
      rtcp: packet => {
        if (!rewriter.rtcp(packet, performance.now())) return
        sender.send(packet)
      },
    })
  }

  /** @throws {EngineError} */
  static async open(options: RelayedLegOptions): Promise<RelayedLeg> {
    const { router, udpPorts, plan, cname, signal } = options
    const action = `open the ${plan.kind} leg`
    const sender = await LocalSender.open({ router, udpPorts, action, signal })
    const producing = sender.transport.produce({
      kind: plan.kind,
      rtpParameters: producerParameters(plan, cname),
    })
    try {
      const producer = await withAbort(
        action,
        producing,
        signal,
        () => undefined,
      )
      return new RelayedLeg(options, sender, producer)
    } catch (error) {
      sender.close()
      throw error
    }
  }

  packets(): Promise<number> {
    return Promise.resolve(this.#packets)
  }

  close(): void {
    this.#receiver.handlePackets(undefined)
    this.#sender.close()
  }
}
