import { ticksBetween } from './rtp-timeline.ts'

const TIMESTAMPS = 2 ** 32
/** A report that differs by less from what is usual speaks of the packets. */
const SAME_S = 0.5
/** As long as nothing is usual. */
const NEAR_S = 2

/**
 * Makes a sender's reports speak of the timestamps that its packets have.
 * After a leap those of a camera do; FFmpeg's go on as if there was none.
 */
export class ReportClock {
  readonly #clockRate: number
  /** How far the reports are ahead of the packets, ticks. */
  #usual: number | undefined

  constructor(clockRate: number) {
    this.#clockRate = clockRate
  }

  /**
   * The timestamp for a report.
   * @param reported its own, shifted as the packets are
   * @param now what a packet would have now
   * @param leaps how often the timestamps of the packets have leapt
   */
  correct(reported: number, now: number, leaps: number): number {
    const ahead = ticksBetween(now, reported)
    // As long as there was no leap, the sender knows best.
    if (leaps === 0 || this.#isOfPackets(ahead)) {
      this.#usual = ahead
      return reported
    }
    return (now + (this.#usual ?? 0) + TIMESTAMPS) % TIMESTAMPS
  }

  #isOfPackets(ahead: number): boolean {
    const usual = this.#usual
    return usual === undefined
      ? Math.abs(ahead) < NEAR_S * this.#clockRate
      : Math.abs(ahead - usual) < SAME_S * this.#clockRate
  }
}
