import type { PlainTransport, Producer, Router } from 'mediasoup/types'

import type { BoundTransport } from '../../engine/bound-transport.ts'
import { withAbort } from '../../engine/with-abort.ts'
import { EngineError } from '../../engine/engine-error.ts'
import type { MediaWorker } from '../../engine/media-worker.ts'
import type { PortPool } from '../../engine/port-pool.ts'
import { LOOPBACK, localRtp } from '../../engine/local-rtp.ts'
import type { LegOutput, LegPorts } from '../run/ffmpeg-output.ts'
import { producerParameters, type LegPlan } from '../leg-plan.ts'
import type { ManagedLeg } from '../leg.ts'
import type { SenderPorts } from './sender-ports.ts'
import { nextSequence, type SequenceRun } from '../rtp/sequence.ts'

export interface ManagedVideoLegOptions {
  readonly worker: MediaWorker
  readonly router: Router
  readonly udpPorts: PortPool
  readonly plan: LegPlan
  /** The same for all legs of a stream. */
  readonly cname: string
  readonly sender: SenderPorts
  readonly signal: AbortSignal
}

/** The video leg that our own FFmpeg sends, straight into the worker. */
export class ManagedVideoLeg implements ManagedLeg {
  readonly producer: Producer
  readonly #options: ManagedVideoLegOptions
  readonly #transport: BoundTransport<PlainTransport>
  readonly #ports: LegPorts
  #run: SequenceRun | undefined

  private constructor(
    options: ManagedVideoLegOptions,
    transport: BoundTransport<PlainTransport>,
    producer: Producer,
  ) {
    const { tuple, rtcpTuple } = transport.made
    this.producer = producer
    this.#options = options
    this.#transport = transport
    this.#ports = {
      rtp: tuple.localPort,
      rtcp: rtcpTuple?.localPort ?? tuple.localPort,
      localRtp: options.sender.rtp,
      localRtcp: options.sender.rtcp,
    }
  }

  /**
   * Leases two ports and receives there what `sender` sends.
   * @throws {EngineError}
   */
  static async open(options: ManagedVideoLegOptions): Promise<ManagedVideoLeg> {
    const { router, worker, udpPorts, plan, cname, sender, signal } = options
    const transport = await worker.bindWithPorts({
      action: `open the ${plan.kind} leg`,
      demands: [{ pool: udpPorts, count: 2 }],
      make: ([rtp = 0, rtcp = 0]) =>
        router.createPlainTransport({
          listenInfo: localRtp(rtp),
          rtcpListenInfo: { protocol: 'udp', ip: LOOPBACK, port: rtcp },
          // No comedia: it would hear nothing after a restart of FFmpeg. No
          // rtcpMux: FFmpeg's first report would claim the RTP port.
          comedia: false,
          rtcpMux: false,
        }),
      signal,
    })
    const connecting = Promise.all([
      transport.made.produce({
        kind: plan.kind,
        rtpParameters: producerParameters(plan, cname),
      }),
      transport.made.connect({
        ip: LOOPBACK,
        port: sender.rtp,
        rtcpPort: sender.rtcp,
      }),
    ])
    try {
      const [producer] = await withAbort(
        `open the ${plan.kind} leg`,
        connecting,
        signal,
        () => undefined,
      )
      return new ManagedVideoLeg(options, transport, producer)
    } catch (error) {
      transport.close()
      throw error
    }
  }

  get plan(): LegPlan {
    return this.#options.plan
  }

  get ports(): LegPorts {
    return this.#ports
  }

  async packets(): Promise<number> {
    return (await this.#counts()).received
  }

  async nextRun(): Promise<LegOutput> {
    const counts = await this.#counts()
    const first = nextSequence(this.#run, counts)
    this.#run = { first, before: counts }
    const { plan, cname } = this.#options
    return { plan, cname, ports: this.#ports, firstSequence: first }
  }

  close(): void {
    this.#transport.close()
  }

  async #counts() {
    try {
      const [stats] = await this.producer.getStats()
      // There are no stats before the first packet.
      const { packetCount: received = 0, packetsLost: lost = 0 } = stats ?? {}
      return { received, lost }
    } catch (cause) {
      throw EngineError.from(cause, 'count packets')
    }
  }
}
