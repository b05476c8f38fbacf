/**
 * Makes one unbroken RTP stream of whatever senders come one after the other:
 * viewers know a fixed SSRC, and refuse sequence numbers that go backwards.
 */

/** Who sent a packet: `address port`. */
export type SenderName = string

interface Sender {
  readonly name: SenderName
  readonly ssrc: number
  /** Added to its sequence numbers. */
  readonly shift: number
  /** Its highest sequence number, before `shift`. */
  last: number
  heardMs: number
}

export interface RtpContinuityOptions {
  readonly ssrc: number
  readonly payloadType: number
}

/** RFC 3550 section 5.1. */
const RTP_HEADER_BYTES = 12
const RTP_VERSION = 2
const MODULUS = 2 ** 16
/** A sequence number so far back is a sender's restart, not a late packet. */
const MOST_LATE = 100
/** RFC 3550 section A.1, MAX_DROPOUT: a leap so far is a restart as well. */
const MOST_LOST = 3_000
/** Another sender may take over after the present one was silent so long. */
const TAKEOVER_MS = 250

export class RtpContinuity {
  readonly #options: RtpContinuityOptions
  #sender: Sender | undefined
  /** The next sequence number that viewers expect. */
  #next = 1

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
    const sender = this.#senderOf(packet.readUInt32BE(8), from, sequence, nowMs)
    if (sender === undefined) return false
    sender.heardMs = nowMs
    const shifted = (sequence + sender.shift) % MODULUS
    if (distance(sender.last, sequence) >= 0) {
      sender.last = sequence
      this.#next = (shifted + 1) % MODULUS
    }
    packet.writeUInt16BE(shifted, 2)
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
        found = true
      }
      // RFC 3550 section 6.4.1: in 32-bit words, without the first.
      at += (packet.readUInt16BE(at + 2) + 1) * 4
    }
    return found
  }

  #senderOf(
    ssrc: number,
    name: SenderName,
    sequence: number,
    nowMs: number,
  ): Sender | undefined {
    const present = this.#sender
    if (present?.name === name && present.ssrc === ssrc) {
      const ahead = distance(present.last, sequence)
      if (ahead >= -MOST_LATE && ahead <= MOST_LOST) return present
    } else if (present && nowMs - present.heardMs < TAKEOVER_MS) {
      return undefined
    }
    const shift = (this.#next - sequence + MODULUS) % MODULUS
    this.#sender = { name, ssrc, shift, last: sequence, heardMs: nowMs }
    return this.#sender
  }
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
  const ahead = (to - from + MODULUS) % MODULUS
  return ahead < MODULUS / 2 ? ahead : ahead - MODULUS
}
