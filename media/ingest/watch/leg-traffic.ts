import type { Fault } from '../fault.ts'
import { codecParameters, type LegPlan } from '../leg-plan.ts'
import {
  rtpPayloadAt,
  type RtpHeader,
} from '../../../shared/protocol/rtp-packet.ts'
import {
  canContainSps,
  readPictureFormat,
  spsIn,
  type PictureFormat,
} from '../rtp/sps.ts'
import { FrameOrder } from './frame-order.ts'
import { LossWatch } from './loss-watch.ts'
import { formatFaults, timestampFaults } from './picture-faults.ts'

/** RtpRewriter repairs jumps, so only this many in ten seconds are a fault. */
const MIN_JUMPS = 3

/** Inspects the packets of an external sender as they are forwarded. */
export class LegTraffic {
  readonly #loss = new LossWatch()
  /** H264 only. */
  readonly #order: FrameOrder | undefined
  #ssrc: number | undefined
  #sps: Buffer | undefined
  #format: PictureFormat | undefined

  constructor(plan: LegPlan) {
    const { clockRate } = codecParameters(plan.codec, plan.payloadType)
    this.#order =
      plan.codec === 'h264'
        ? new FrameOrder({ clockRate, minJumps: MIN_JUMPS })
        : undefined
  }

  /**
   * Records a packet that is forwarded.
   * @param header as the sender wrote it
   */
  forwarded(header: RtpHeader, packet: Buffer, nowMs: number): void {
    const { ssrc, sequence, timestamp } = header
    if (ssrc !== this.#ssrc) {
      this.#ssrc = ssrc
      this.#loss.begin()
      this.#order?.begin()
    }
    const isInOrder = this.#loss.observe(sequence, nowMs)
    if (this.#order === undefined) return
    if (isInOrder) this.#order.observe(timestamp, nowMs)
    this.#readSps(packet)
  }

  faults(nowMs: number): readonly Fault[] {
    const share = this.#loss.share(nowMs)
    return [
      ...(this.#order ? timestampFaults(this.#order, 'external', nowMs) : []),
      ...(this.#format ? formatFaults(this.#format) : []),
      ...(share > 0 ? [lossFault(share)] : []),
    ]
  }

  #readSps(packet: Buffer): void {
    const at = rtpPayloadAt(packet)
    // Most packets cannot, and a view of each would be garbage.
    if (!canContainSps(packet[at] ?? 0)) return
    const sps = spsIn(packet.subarray(at))
    if (sps === undefined || this.#sps?.equals(sps) === true) return
    // A copy: the packet's buffer belongs to the socket.
    this.#sps = Buffer.from(sps)
    this.#format = readPictureFormat(sps) ?? this.#format
  }
}

function lossFault(share: number): Fault {
  const percent = (share * 100).toFixed(1)
  return {
    reason: 'loss',
    message:
      `${percent} % of the packets are lost before they arrive here; ` +
      'check the network between the sender and this host',
  }
}
