import {
  createRewriter,
  type RtpRewriter,
  type SenderAddress,
} from '../rtp/rtp-rewriter.ts'
import { readRtpHeader } from '../../../shared/protocol/rtp-packet.ts'
import { LegTraffic } from '../watch/leg-traffic.ts'
import type { Fault } from '../fault.ts'
import { RelayCounters } from './relay-counters.ts'
import type { ForwardTarget, RelaySpec } from './relay-messages.ts'
import { RelaySockets } from './relay-sockets.ts'

/** Receives, rewrites and forwards the packets of one leg; relay thread only. */
export class Relay {
  readonly #spec: RelaySpec
  readonly #counters: RelayCounters
  readonly #rewriter: RtpRewriter
  readonly #traffic: LegTraffic | undefined
  #sockets: RelaySockets | undefined
  #target: ForwardTarget | undefined

  private constructor(spec: RelaySpec) {
    this.#spec = spec
    this.#counters = new RelayCounters(spec.counters)
    this.#rewriter = createRewriter(spec.plan, this.#counters.lastForwarded)
    this.#traffic = spec.inspect ? new LegTraffic(spec.plan) : undefined
  }

  /** @throws {BindError} */
  static async open(spec: RelaySpec): Promise<Relay> {
    const relay = new Relay(spec)
    relay.#sockets = await RelaySockets.open(spec, {
      rtp: (packet, from) => {
        relay.#rtp(packet, from)
      },
      rtcp: packet => {
        if (relay.#target === undefined) return
        if (!relay.#rewriter.rtcp(packet, performance.now())) return
        relay.#sockets?.send(packet)
      },
    })
    return relay
  }

  async forward(target: ForwardTarget): Promise<void> {
    await this.#sockets?.connect(target.to)
    this.#target = target
  }

  drop(): void {
    this.#target = undefined
    this.#sockets?.disconnect()
  }

  endSender(): void {
    this.#rewriter.endSender()
  }

  faults(): readonly Fault[] {
    return this.#traffic?.faults(performance.now()) ?? []
  }

  close(): void {
    this.#target = undefined
    this.#sockets?.close()
    this.#sockets = undefined
  }

  #rtp(packet: Buffer, from: SenderAddress): void {
    if (this.#target === undefined) return
    const { senderPort } = this.#target
    if (senderPort !== undefined && from.port !== senderPort) return
    const header = readRtpHeader(packet)
    if (header === undefined) return
    if (header.payloadType !== this.#spec.plan.payloadType) {
      this.#counters.countUnexpected(header.payloadType)
      return
    }
    const nowMs = performance.now()
    if (!this.#rewriter.rtp(packet, header, from, nowMs)) return
    this.#traffic?.forwarded(header, packet, nowMs)
    this.#counters.countForwarded(this.#rewriter.forwarded)
    this.#sockets?.send(packet)
  }
}
