import { ticksBetween } from './rtp-timeline.ts'

const TIMESTAMPS = 2 ** 32
/** A report within this of the usual lead is on the packets' time base. */
const SAME_LEAD_S = 0.5
/** The same, before a usual lead is known. */
const UNKNOWN_LEAD_S = 2

/**
 * Keeps the timestamps of a sender's reports (RTCP SR) consistent with those
 * of its packets. After a jump a camera's reports jump too; FFmpeg's continue
 * as if there had been none.
 */
export class ReportRewriter {
  readonly #clockRate: number
  /** How far reports are usually ahead of the packets, ticks. */
  #usualLead: number | undefined

  constructor(clockRate: number) {
    this.#clockRate = clockRate
  }

  /**
   * Returns the timestamp for a report.
   * @param reported the report's own, with the packets' offset added
   * @param now the timestamp that a packet would have now
   * @param jumps how often the timestamps of the packets have jumped
   */
  rewrite(reported: number, now: number, jumps: number): number {
    const lead = ticksBetween(now, reported)
    // Without a jump the sender's own timestamp is the most accurate.
    if (jumps === 0 || this.#isConsistent(lead)) {
      this.#usualLead = lead
      return reported
    }
    return (now + (this.#usualLead ?? 0) + TIMESTAMPS) % TIMESTAMPS
  }

  #isConsistent(lead: number): boolean {
    const usual = this.#usualLead
    return usual === undefined
      ? Math.abs(lead) < UNKNOWN_LEAD_S * this.#clockRate
      : Math.abs(lead - usual) < SAME_LEAD_S * this.#clockRate
  }
}
