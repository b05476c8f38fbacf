/**
 * media/ingest/legs is where RTP enters.
 * Owns: the ports and transports of single legs, and the ports that FFmpeg
 * sends from.
 * Gets: a router, leased ports, the relay thread. Gives: a producer per leg. To
 * read it: this file, then managed-audio-leg.ts and managed-video-leg.ts.
 */
import type { PlainTransport, Producer, Router } from 'mediasoup/types'

import { openLocalTransport } from '../../engine/local-transport.ts'
import type { PortPool } from '../../engine/port-pool.ts'
import { withAbort } from '../../engine/with-abort.ts'
import { producerParameters, type LegPlan } from '../leg-plan.ts'
import type { Leg, LegTrafficView } from '../leg.ts'
import type { LegRelay } from './leg-relay.ts'

export interface RelayedLegOptions {
  readonly router: Router
  readonly udpPorts: PortPool
  readonly plan: LegPlan
  readonly cname: string
  readonly relay: LegRelay
  /** The only source port that RTP is accepted from; undefined: any. */
  readonly senderPort?: number
  readonly signal: AbortSignal
}

/**
 * A leg whose packets pass through the relay thread, because no mediasoup
 * transport joins the packets of several senders, or of several runs of one,
 * into one stream.
 */
export class RelayedLeg implements Leg {
  readonly plan: LegPlan
  readonly producer: Producer
  readonly #relay: LegRelay
  readonly #transport: PlainTransport
  readonly #packetsBefore: number
  #closed = false

  private constructor(
    { plan, relay }: RelayedLegOptions,
    transport: PlainTransport,
    producer: Producer,
  ) {
    this.plan = plan
    this.producer = producer
    this.#relay = relay
    this.#transport = transport
    this.#packetsBefore = relay.packets
  }

  /** @throws {EngineError} */
  static async open(options: RelayedLegOptions): Promise<RelayedLeg> {
    const { router, udpPorts, plan, cname, relay, senderPort, signal } = options
    const action = `open the ${plan.kind} leg`
    const from = relay.outPort
    const local = { router, udpPorts, from, action, signal }
    const transport = await openLocalTransport(local)
    const producing = transport.produce({
      kind: plan.kind,
      rtpParameters: producerParameters(plan, cname),
    })
    const ignore = () => undefined
    try {
      const producer = await withAbort(action, producing, signal, ignore)
      const leg = new RelayedLeg(options, transport, producer)
      const to = transport.tuple.localPort
      const forwarding = relay.forward({ to, senderPort })
      await withAbort(action, forwarding, signal, ignore)
      return leg
    } catch (error) {
      relay.drop()
      transport.close()
      throw error
    }
  }

  /** What the relay finds in the packets. */
  get traffic(): LegTrafficView {
    return this.#relay
  }

  async packets(): Promise<number> {
    return (await this.#relay.readPackets()) - this.#packetsBefore
  }

  close(): void {
    if (this.#closed) return
    this.#closed = true
    this.#relay.drop()
    this.#transport.close()
  }
}
