/**
 * media/ingest/legs is where RTP enters.
 * Owns: the receiving sockets and transports of single legs, and the ports
 * that FFmpeg sends from.
 * Gets: a router, leased ports, packets. Gives: a producer per leg. To read
 * it: this file, then managed-audio-leg.ts and managed-video-leg.ts.
 */
import type { DirectTransport, Producer, Router } from 'mediasoup/types'

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
  readonly #transport: DirectTransport
  #packets = 0

  private constructor(
    { plan, relay, senderPort }: RelayedLegOptions,
    transport: DirectTransport,
    producer: Producer,
  ) {
    const { receiver, rewriter, traffic } = relay
    this.plan = plan
    this.producer = producer
    this.traffic = traffic
    this.#receiver = receiver
    this.#transport = transport
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
        // send() throws once the worker is gone.
        if (!producer.closed) producer.send(packet)
      },
      rtcp: packet => {
        if (!rewriter.rtcp(packet, performance.now())) return
        if (!transport.closed) transport.sendRtcp(packet)
      },
    })
  }

  /** @throws {EngineError} */
  static async open(options: RelayedLegOptions): Promise<RelayedLeg> {
    const { router, plan, cname, signal } = options
    const action = `open the ${plan.kind} leg`
    const opening = router.createDirectTransport()
    const transport = await withAbort(action, opening, signal, late => {
      late.close()
    })
    const producing = transport.produce({
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
    this.#receiver.handlePackets(undefined)
    this.#transport.close()
  }
}
