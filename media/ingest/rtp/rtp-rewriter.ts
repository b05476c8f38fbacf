/**
 * media/ingest/rtp reads, checks and rewrites RTP and RTCP packets.
 * Owns: what is known of one leg's packets; no socket and no clock.
 * Gets: packets and their time of arrival.
 * Gives: packets with continuous numbers and times; the picture's format from
 * the SPS. To read it: this file, then rtp-timeline.ts and sequence.ts.
 */

/**
 * Makes one continuous RTP stream of successive senders. Viewers know one
 * fixed SSRC and reject sequence numbers that go back; where timestamps jump,
 * within a sender or from one to the next, they lose the sync of audio and
 * video for about 20 s.
 */

import { codecParameters, type LegPlan } from '../leg-plan.ts'
import {
  writeRtpHeader,
  type RtpHeader,
} from '../../../shared/protocol/rtp-packet.ts'
import { MAX_DROPOUT, MAX_MISORDER, sequenceDistance } from './sequence.ts'
import { ReportRewriter } from './report-rewriter.ts'
import { TimestampRewriter } from './timestamp-rewriter.ts'
import { MAX_REORDER_MS, ticksBetween } from './rtp-timeline.ts'

/** Where a packet came from. */
export interface SenderAddress {
  readonly address: string
  readonly port: number
}

interface Sender {
  readonly from: SenderAddress
  readonly ssrc: number
  /** Added to its sequence numbers. */
  readonly sequenceOffset: number
  readonly timestamps: TimestampRewriter
  readonly reports: ReportRewriter
  /** Its highest sequence number, without the offset. */
  lastSequence: number
  lastPacketMs: number
}

/** The last packet in order, as it was forwarded. */
export interface Forwarded {
  readonly sequence: number
  readonly timestamp: number
  readonly atMs: number
}

export interface RtpRewriterOptions {
  readonly ssrc: number
  /** Of the timestamps, Hz. */
  readonly clockRate: number
  /** A step back of up to this is not a jump. */
  readonly maxBackMs: number
  /** The last packet of an earlier rewriter, which this one continues. */
  readonly last?: Forwarded | undefined
}

const SEQUENCES = 2 ** 16
const TIMESTAMPS = 2 ** 32
/** RFC 3550 section 6.4.1; the RTP timestamp is `timestampAt` bytes in. */
const SENDER_REPORT = { type: 200, timestampAt: 16, bytes: 28 } as const
/** Another sender takes over once the current one has been silent this long. */
const TAKEOVER_TIMEOUT_MS = 250
/** A longer step says nothing about the length of the next one. */
const MAX_STEP_S = 1

/**
 * Creates the rewriter of a leg.
 * @param last the last packet of an earlier one, which this one continues
 */
export function createRewriter(
  { kind, ssrc, payloadType, codec }: LegPlan,
  last?: Forwarded,
): RtpRewriter {
  const { clockRate } = codecParameters(codec, payloadType)
  // Video frames may be out of order; audio never is.
  const maxBackMs = kind === 'video' ? MAX_REORDER_MS : 0
  return new RtpRewriter({ ssrc, clockRate, maxBackMs, last })
}

export class RtpRewriter {
  readonly #options: RtpRewriterOptions
  #sender: Sender | undefined
  #forwarded: Forwarded | undefined
  /** Ticks between the last two timestamps, if no more than MAX_STEP_S. */
  #step = 0

  constructor(options: RtpRewriterOptions) {
    this.#options = options
    this.#forwarded = options.last
  }

  /** The last packet in order, as it was forwarded. */
  get forwarded(): Forwarded | undefined {
    return this.#forwarded
  }

  /**
   * Rewrites an RTP packet of the leg's payload type in place.
   * @param header of the packet
   * @returns false if it must be dropped: it comes from a second sender at the
   *   same time
   */
  rtp(
    packet: Buffer,
    header: RtpHeader,
    from: SenderAddress,
    nowMs: number,
  ): boolean {
    const sender = this.#senderOf(header, from, nowMs)
    if (sender === undefined) return false
    sender.lastPacketMs = nowMs
    const isInOrder =
      sequenceDistance(sender.lastSequence, header.sequence) >= 0
    const offset = isInOrder
      ? sender.timestamps.offsetOf(
          header.timestamp,
          nowMs,
          this.#forwarded?.timestamp,
        )
      : sender.timestamps.lateOffsetOf(header.timestamp)
    const sequence = (header.sequence + sender.sequenceOffset) % SEQUENCES
    const timestamp = (header.timestamp + offset) % TIMESTAMPS
    if (isInOrder) {
      sender.lastSequence = header.sequence
      this.#setForwarded({ sequence, timestamp, atMs: nowMs })
    }
    const { ssrc } = this.#options
    writeRtpHeader(packet, { sequence, timestamp, ssrc })
    return true
  }

  /**
   * Rewrites the current sender's reports in a compound RTCP packet, in place.
   * @returns false if there are none
   */
  rtcp(packet: Buffer, nowMs: number): boolean {
    const sender = this.#sender
    if (sender === undefined) return false
    let found = false
    for (let at = 0; at + 8 <= packet.length;) {
      if (packet.readUInt32BE(at + 4) === sender.ssrc) {
        packet.writeUInt32BE(this.#options.ssrc, at + 4)
        this.#rewriteReport(packet.subarray(at), sender, nowMs)
        found = true
      }
      // RFC 3550 section 6.4.1: length in 32-bit words, minus one.
      at += (packet.readUInt16BE(at + 2) + 1) * 4
    }
    return found
  }

  /** Ends the sender: the next packet is a new one's, whatever its address. */
  endSender(): void {
    this.#sender = undefined
  }

  #senderOf(
    { sequence, timestamp, ssrc }: RtpHeader,
    { address, port }: SenderAddress,
    nowMs: number,
  ): Sender | undefined {
    const current = this.#sender
    if (
      current?.ssrc === ssrc &&
      current.from.port === port &&
      current.from.address === address
    ) {
      const ahead = sequenceDistance(current.lastSequence, sequence)
      if (ahead >= -MAX_MISORDER && ahead <= MAX_DROPOUT) return current
    } else if (current && nowMs - current.lastPacketMs < TAKEOVER_TIMEOUT_MS) {
      return undefined
    }
    const next = this.#firstOf(timestamp, nowMs)
    this.#sender = {
      from: { address, port },
      ssrc,
      sequenceOffset: (next.sequence - sequence + SEQUENCES) % SEQUENCES,
      timestamps: new TimestampRewriter({
        ...this.#options,
        timestamp,
        offset: (next.timestamp - timestamp + TIMESTAMPS) % TIMESTAMPS,
        nowMs,
        expected: atMs => this.#expected(atMs),
      }),
      reports: new ReportRewriter(this.#options.clockRate),
      lastSequence: sequence,
      lastPacketMs: nowMs,
    }
    return this.#sender
  }

  /** What viewers expect of a new sender's first packet, stamped `timestamp`. */
  #firstOf(timestamp: number, nowMs: number): Omit<Forwarded, 'atMs'> {
    const forwarded = this.#forwarded
    if (forwarded === undefined) return { sequence: 1, timestamp }
    return {
      sequence: (forwarded.sequence + 1) % SEQUENCES,
      // At least one tick on, or a decoder takes it for the same picture.
      timestamp:
        (forwarded.timestamp +
          Math.max(1, this.#ticksSince(forwarded, nowMs))) %
        TIMESTAMPS,
    }
  }

  /** The timestamp that viewers expect now from a sender that jumps. */
  #expected(nowMs: number): number {
    const forwarded = this.#forwarded
    if (forwarded === undefined) return 0
    const ticks = this.#ticksSince(forwarded, nowMs)
    // In whole steps, because packets arrive less evenly than they play.
    const step = this.#step
    const whole = step > 0 ? step * Math.max(1, Math.round(ticks / step)) : 0
    return (forwarded.timestamp + Math.max(1, whole || ticks)) % TIMESTAMPS
  }

  /** Clock ticks since a packet was forwarded. */
  #ticksSince({ atMs }: Forwarded, nowMs: number): number {
    return Math.round(((nowMs - atMs) * this.#options.clockRate) / 1_000)
  }

  #setForwarded(forwarded: Forwarded): void {
    if (this.#forwarded !== undefined) {
      const step = ticksBetween(this.#forwarded.timestamp, forwarded.timestamp)
      const isShort = step <= MAX_STEP_S * this.#options.clockRate
      if (step > 0 && isShort) this.#step = step
    }
    this.#forwarded = forwarded
  }

  #rewriteReport(report: Buffer, sender: Sender, nowMs: number): void {
    const { type, timestampAt, bytes } = SENDER_REPORT
    if (report.length < bytes || report.readUInt8(1) !== type) return
    const forwarded = this.#forwarded
    if (forwarded === undefined) return
    const { offset, jumps } = sender.timestamps
    const reported = (report.readUInt32BE(timestampAt) + offset) % TIMESTAMPS
    const now =
      (forwarded.timestamp + this.#ticksSince(forwarded, nowMs)) % TIMESTAMPS
    const timestamp = sender.reports.rewrite(reported, now, jumps)
    report.writeUInt32BE(timestamp, timestampAt)
  }
}
