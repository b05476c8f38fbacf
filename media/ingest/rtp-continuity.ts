/**
 * Makes one unbroken RTP stream of whatever senders come one after the other:
 * viewers know a fixed SSRC, refuse sequence numbers that go backwards, and
 * lose what they know of time, and so of audio against video, for about 20 s
 * where the timestamps leap.
 */

import { codecParameters, type LegPlan } from './leg-plan.ts'

/** Who sent a packet: `address port`. */
export type SenderName = string

interface Sender {
  readonly name: SenderName
  readonly ssrc: number
  /** Added to its sequence numbers. */
  readonly shift: number
  /** Added to its timestamps. */
  readonly timestampShift: number
  /** Its highest sequence number, before `shift`. */
  last: number
  heardMs: number
}

/** The last packet in order, as it was passed on. */
interface Passed {
  readonly sequence: number
  readonly timestamp: number
  readonly atMs: number
}

export interface RtpContinuityOptions {
  readonly ssrc: number
  readonly payloadType: number
  /** Of the timestamps, Hz. */
  readonly clockRate: number
}

/** RFC 3550 section 5.1. */
const RTP_HEADER_BYTES = 12
const RTP_VERSION = 2
const SEQUENCES = 2 ** 16
const TIMESTAMPS = 2 ** 32
/** RFC 3550 section 6.4.1; its timestamp is that far from its start. */
const SENDER_REPORT = { type: 200, timestampAt: 16, bytes: 28 } as const
/** A sequence number so far back is a sender's restart, not a late packet. */
const MOST_LATE = 100
/** RFC 3550 section A.1, MAX_DROPOUT: a leap so far is a restart as well. */
const MOST_LOST = 3_000
/** Another sender may take over after the present one was silent so long. */
const TAKEOVER_MS = 250

/** What makes one stream of the senders of the leg `plan`. */
export function continuityOf({
  ssrc,
  payloadType,
  codec,
}: LegPlan): RtpContinuity {
  const { clockRate } = codecParameters(codec, payloadType)
  return new RtpContinuity({ ssrc, payloadType, clockRate })
}

export class RtpContinuity {
  readonly #options: RtpContinuityOptions
  #sender: Sender | undefined
  #passed: Passed | undefined

  constructor(options: RtpContinuityOptions) {
    this.#options = options
  }

  /**
   * Rewrites a packet in place. False: it is to be dropped, since it is no
   * RTP packet of the leg's payload type, or of a second sender at a time.
   */
  rtp(packet: Buffer, from: SenderName, nowMs: number): boolean {
    if (!isRtp(packet, this.#options.payloadType)) return false
    const sequence = packet.readUInt16BE(2)
    const sender = this.#senderOf(packet, from, nowMs)
    if (sender === undefined) return false
    sender.heardMs = nowMs
    const passed = {
      sequence: (sequence + sender.shift) % SEQUENCES,
      timestamp: (packet.readUInt32BE(4) + sender.timestampShift) % TIMESTAMPS,
      atMs: nowMs,
    }
    if (distance(sender.last, sequence) >= 0) {
      sender.last = sequence
      this.#passed = passed
    }
    packet.writeUInt16BE(passed.sequence, 2)
    packet.writeUInt32BE(passed.timestamp, 4)
    packet.writeUInt32BE(this.#options.ssrc, 8)
    return true
  }

  /**
   * Rewrites the reports of the present sender in a compound RTCP packet, in
   * place. False: it has none.
   */
  rtcp(packet: Buffer): boolean {
    const sender = this.#sender
    if (sender === undefined) return false
    let found = false
    for (let at = 0; at + 8 <= packet.length;) {
      if (packet.readUInt32BE(at + 4) === sender.ssrc) {
        packet.writeUInt32BE(this.#options.ssrc, at + 4)
        shiftReport(packet.subarray(at), sender.timestampShift)
        found = true
      }
      // RFC 3550 section 6.4.1: in 32-bit words, without the first.
      at += (packet.readUInt16BE(at + 2) + 1) * 4
    }
    return found
  }

  /** The sender has ended: the next packet is of another, by any name. */
  senderGone(): void {
    this.#sender = undefined
  }

  #senderOf(
    packet: Buffer,
    name: SenderName,
    nowMs: number,
  ): Sender | undefined {
    const ssrc = packet.readUInt32BE(8)
    const sequence = packet.readUInt16BE(2)
    const present = this.#sender
    if (present?.name === name && present.ssrc === ssrc) {
      const ahead = distance(present.last, sequence)
      if (ahead >= -MOST_LATE && ahead <= MOST_LOST) return present
    } else if (present && nowMs - present.heardMs < TAKEOVER_MS) {
      return undefined
    }
    const timestamp = packet.readUInt32BE(4)
    const next = this.#next(timestamp, nowMs)
    this.#sender = {
      name,
      ssrc,
      shift: (next.sequence - sequence + SEQUENCES) % SEQUENCES,
      timestampShift: (next.timestamp - timestamp + TIMESTAMPS) % TIMESTAMPS,
      last: sequence,
      heardMs: nowMs,
    }
    return this.#sender
  }

  /** What viewers expect of a new sender's first packet, which has `own`. */
  #next(own: number, nowMs: number): Omit<Passed, 'atMs'> {
    const passed = this.#passed
    if (passed === undefined) return { sequence: 1, timestamp: own }
    const silentMs = nowMs - passed.atMs
    const ticks = Math.round((silentMs * this.#options.clockRate) / 1_000)
    return {
      sequence: (passed.sequence + 1) % SEQUENCES,
      // At least one on: else it would be the same picture to a decoder.
      timestamp: (passed.timestamp + Math.max(1, ticks)) % TIMESTAMPS,
    }
  }
}

function shiftReport(report: Buffer, ticks: number): void {
  const { type, timestampAt, bytes } = SENDER_REPORT
  if (report.length < bytes || report.readUInt8(1) !== type) return
  const timestamp = report.readUInt32BE(timestampAt)
  report.writeUInt32BE((timestamp + ticks) % TIMESTAMPS, timestampAt)
}

function isRtp(packet: Buffer, payloadType: number): boolean {
  return (
    packet.length >= RTP_HEADER_BYTES &&
    packet.readUInt8(0) >> 6 === RTP_VERSION &&
    (packet.readUInt8(1) & 0x7f) === payloadType
  )
}

/** How far `to` is after `from`, on the circle of sequence numbers. */
function distance(from: number, to: number): number {
  const ahead = (to - from + SEQUENCES) % SEQUENCES
  return ahead < SEQUENCES / 2 ? ahead : ahead - SEQUENCES
}
