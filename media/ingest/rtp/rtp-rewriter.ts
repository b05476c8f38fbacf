/**
 * Makes one unbroken RTP stream of whatever senders come one after the other:
 * viewers know a fixed SSRC, refuse sequence numbers that go backwards, and
 * lose what they know of time, and so of audio against video, for about 20 s
 * where the timestamps leap; be it from one sender to the next or within one.
 */

import { codecParameters, type LegPlan } from '../leg-plan.ts'
import { MOST_REORDERED_MS } from '../watch/frame-order.ts'
import { readRtpHeader, writeRtpHeader, type RtpHeader } from './rtp-packet.ts'
import { MOST_LATE, MOST_LOST, sequenceDistance } from './sequence.ts'
import { ReportClock } from './report-rewriter.ts'
import { SenderClock } from './timestamp-rewriter.ts'
import { ticksBetween } from './rtp-timeline.ts'

/** Who sent a packet: `address port`. */
export type SenderName = string

interface Sender {
  readonly name: SenderName
  readonly ssrc: number
  /** Added to its sequence numbers. */
  readonly shift: number
  readonly clock: SenderClock
  readonly reports: ReportClock
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
  /** A step back of up to so much is no leap. */
  readonly mostBackMs: number
}

const SEQUENCES = 2 ** 16
const TIMESTAMPS = 2 ** 32
/** RFC 3550 section 6.4.1; its timestamp is that far from its start. */
const SENDER_REPORT = { type: 200, timestampAt: 16, bytes: 28 } as const
/** Another sender may take over after the present one was silent so long. */
const TAKEOVER_MS = 250
/** A step that is longer says nothing of how long the next will be. */
const LONGEST_STEP_S = 1

/** What makes one stream of the senders of the leg `plan`. */
export function continuityOf({
  kind,
  ssrc,
  payloadType,
  codec,
}: LegPlan): RtpContinuity {
  const { clockRate } = codecParameters(codec, payloadType)
  // Frames may come out of order; sound does not.
  const mostBackMs = kind === 'video' ? MOST_REORDERED_MS : 0
  return new RtpContinuity({ ssrc, payloadType, clockRate, mostBackMs })
}

export class RtpContinuity {
  readonly #options: RtpContinuityOptions
  #sender: Sender | undefined
  #passed: Passed | undefined
  /** The last step from one timestamp to the next, where it was short. */
  #step = 0

  constructor(options: RtpContinuityOptions) {
    this.#options = options
  }

  /**
   * Rewrites a packet in place. False: it is to be dropped, since it is no
   * RTP packet of the leg's payload type, or of a second sender at a time.
   */
  rtp(packet: Buffer, from: SenderName, nowMs: number): boolean {
    const header = readRtpHeader(packet)
    if (header?.payloadType !== this.#options.payloadType) return false
    const sender = this.#senderOf(header, from, nowMs)
    if (sender === undefined) return false
    sender.heardMs = nowMs
    const isInOrder = sequenceDistance(sender.last, header.sequence) >= 0
    const shift = isInOrder
      ? sender.clock.shiftOf(header.timestamp, nowMs, this.#passed?.timestamp)
      : sender.clock.lateShiftOf(header.timestamp)
    const passed = {
      sequence: (header.sequence + sender.shift) % SEQUENCES,
      timestamp: (header.timestamp + shift) % TIMESTAMPS,
      atMs: nowMs,
    }
    if (isInOrder) {
      sender.last = header.sequence
      this.#note(passed)
    }
    writeRtpHeader(packet, { ...passed, ssrc: this.#options.ssrc })
    return true
  }

  /**
   * Rewrites the reports of the present sender in a compound RTCP packet, in
   * place. False: it has none.
   */
  rtcp(packet: Buffer, nowMs: number): boolean {
    const sender = this.#sender
    if (sender === undefined) return false
    let found = false
    for (let at = 0; at + 8 <= packet.length;) {
      if (packet.readUInt32BE(at + 4) === sender.ssrc) {
        packet.writeUInt32BE(this.#options.ssrc, at + 4)
        this.#shiftReport(packet.subarray(at), sender, nowMs)
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
    { sequence, timestamp, ssrc }: RtpHeader,
    name: SenderName,
    nowMs: number,
  ): Sender | undefined {
    const present = this.#sender
    if (present?.name === name && present.ssrc === ssrc) {
      const ahead = sequenceDistance(present.last, sequence)
      if (ahead >= -MOST_LATE && ahead <= MOST_LOST) return present
    } else if (present && nowMs - present.heardMs < TAKEOVER_MS) {
      return undefined
    }
    const next = this.#next(timestamp, nowMs)
    this.#sender = {
      name,
      ssrc,
      shift: (next.sequence - sequence + SEQUENCES) % SEQUENCES,
      clock: new SenderClock({
        ...this.#options,
        timestamp,
        shift: (next.timestamp - timestamp + TIMESTAMPS) % TIMESTAMPS,
        nowMs,
        expected: atMs => this.#expected(atMs),
      }),
      reports: new ReportClock(this.#options.clockRate),
      last: sequence,
      heardMs: nowMs,
    }
    return this.#sender
  }

  /** What viewers expect of a new sender's first packet, which has `own`. */
  #next(own: number, nowMs: number): Omit<Passed, 'atMs'> {
    const passed = this.#passed
    if (passed === undefined) return { sequence: 1, timestamp: own }
    return {
      sequence: (passed.sequence + 1) % SEQUENCES,
      // At least one on: else it would be the same picture to a decoder.
      timestamp:
        (passed.timestamp + Math.max(1, this.#since(passed, nowMs))) %
        TIMESTAMPS,
    }
  }

  /** The timestamp that viewers expect now of a sender that leaps. */
  #expected(nowMs: number): number {
    const passed = this.#passed
    if (passed === undefined) return 0
    const ticks = this.#since(passed, nowMs)
    // In whole steps: packets do not arrive as evenly as they play.
    const step = this.#step
    const whole = step > 0 ? step * Math.max(1, Math.round(ticks / step)) : 0
    return (passed.timestamp + Math.max(1, whole || ticks)) % TIMESTAMPS
  }

  /** Ticks of the clock since a packet was passed on. */
  #since({ atMs }: Passed, nowMs: number): number {
    return Math.round(((nowMs - atMs) * this.#options.clockRate) / 1_000)
  }

  #note(passed: Passed): void {
    if (this.#passed !== undefined) {
      const step = ticksBetween(this.#passed.timestamp, passed.timestamp)
      const isShort = step <= LONGEST_STEP_S * this.#options.clockRate
      if (step > 0 && isShort) this.#step = step
    }
    this.#passed = passed
  }

  #shiftReport(report: Buffer, sender: Sender, nowMs: number): void {
    const { type, timestampAt, bytes } = SENDER_REPORT
    if (report.length < bytes || report.readUInt8(1) !== type) return
    const passed = this.#passed
    if (passed === undefined) return
    const own = report.readUInt32BE(timestampAt)
    const shifted = (own + sender.clock.shift) % TIMESTAMPS
    const now = (passed.timestamp + this.#since(passed, nowMs)) % TIMESTAMPS
    const timestamp = sender.reports.correct(shifted, now, sender.clock.leaps)
    report.writeUInt32BE(timestamp, timestampAt)
  }
}
