import type { Fault } from '../fault.ts'
import { FrameOrder } from './frame-order.ts'
import { codecParameters, type LegPlan } from '../leg-plan.ts'
import { LossWatch } from './loss-watch.ts'
import { pictureFault, wildFaults } from './picture-faults.ts'
import { rtpPayload, type RtpHeader } from '../rtp/rtp-packet.ts'
import { readPictureFormat, spsIn, type PictureFormat } from '../rtp/sps.ts'

/** RTP of another payload type than the leg's. */
export interface ForeignRtp {
  readonly packets: number
  /** Of the last one. */
  readonly payloadType: number
}

/** One leap is put right; this many in ten seconds are a source gone wild. */
const LEAPS = 3

/**
 * What is seen of a leg that somebody else sends, as it passes through this
 * process.
 */
export class LegTraffic {
  readonly #plan: LegPlan
  readonly #loss = new LossWatch()
  /** Of H264 video only. */
  readonly #order: FrameOrder | undefined
  #foreign: ForeignRtp = { packets: 0, payloadType: 0 }
  #ssrc: number | undefined
  #sps: Buffer | undefined
  #format: PictureFormat | undefined

  constructor(plan: LegPlan) {
    this.#plan = plan
    const { clockRate } = codecParameters(plan.codec, plan.payloadType)
    this.#order =
      plan.codec === 'h264'
        ? new FrameOrder({ clockRate, leaps: LEAPS })
        : undefined
  }

  get foreign(): ForeignRtp {
    return this.#foreign
  }

  /** Whether the packet is of the leg's payload type; else it is counted. */
  isOwn({ payloadType }: RtpHeader): boolean {
    if (payloadType === this.#plan.payloadType) return true
    this.#foreign = { packets: this.#foreign.packets + 1, payloadType }
    return false
  }

  /**
   * Takes note of a packet that is passed on.
   * @param header as the sender wrote it
   */
  passed(header: RtpHeader, packet: Buffer, nowMs: number): void {
    const { ssrc, sequence, timestamp } = header
    if (ssrc !== this.#ssrc) {
      this.#ssrc = ssrc
      this.#loss.begin()
      this.#order?.begin()
    }
    const isInOrder = this.#loss.packet(sequence, nowMs)
    if (this.#order === undefined) return
    if (isInOrder) this.#order.packet(timestamp, nowMs)
    this.#readSps(packet)
  }

  faults(nowMs: number): readonly Fault[] {
    const share = this.#loss.share(nowMs)
    return [
      ...(this.#order ? wildFaults(this.#order, 'external', nowMs) : []),
      ...(this.#format ? pictureFault(this.#format) : []),
      ...(share > 0 ? [lossFault(share)] : []),
    ]
  }

  #readSps(packet: Buffer): void {
    const sps = spsIn(rtpPayload(packet))
    if (sps === undefined || this.#sps?.equals(sps) === true) return
    // The packet's memory is its sender's.
    this.#sps = Buffer.from(sps)
    this.#format = readPictureFormat(sps) ?? this.#format
  }
}

function lossFault(share: number): Fault {
  const percent = (share * 100).toFixed(1)
  return {
    reason: 'loss',
    words:
      `${percent} % of the packets are lost before they arrive here; ` +
      'see the network from the sender',
  }
}
