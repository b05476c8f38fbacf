/**
 * Learns how far apart the packets of a leg arrive, and so how long it may be
 * silent before it has failed. Pure, time is a parameter. A camera at 25
 * pictures a second that sends nothing for three seconds is dead; a static
 * screen may send one picture every eight.
 */

export interface PacketIntervalsOptions {
  /** Interval of the polls: one picture may be seen in two of them. */
  readonly pollIntervalMs: number
}

const KEPT_INTERVALS = 8
/** With fewer intervals the longest counts, otherwise the second longest. */
const ENOUGH_INTERVALS = 4
/** Timeout until two intervals are known. */
const UNKNOWN_TIMEOUT_MS = 32_000
/** Longer intervals count as this long. */
const MAX_INTERVAL_MS = 30_000
/** Silence for this many typical intervals is a failure. */
const TIMEOUT_FACTOR = 2.5

export class PacketIntervals {
  readonly #shortMs: number
  readonly #intervalsMs: number[] = []
  #lastMs: number | undefined
  /** Whether the last interval was short. */
  #wasShort = false
  /** Number of intervals since the leg started or recovered. */
  #fresh = 0

  constructor({ pollIntervalMs }: PacketIntervalsOptions) {
    this.#shortMs = 1.5 * pollIntervalMs
  }

  /** A new sender: the pause between the two is not an interval. */
  begin(): void {
    this.#lastMs = undefined
    this.#resetFresh()
  }

  /** The leg failed: its next packets say little about the rest. */
  failed(): void {
    this.#resetFresh()
  }

  /** Records that a poll found packets. */
  arrived(nowMs: number): void {
    const lastMs = this.#lastMs
    this.#lastMs = nowMs
    if (lastMs === undefined) return
    const intervalMs = nowMs - lastMs
    const isShort = intervalMs <= this.#shortMs
    // A single short interval is one picture seen in two polls.
    if (!isShort || this.#wasShort) {
      this.#intervalsMs.push(Math.min(intervalMs, MAX_INTERVAL_MS))
      if (this.#intervalsMs.length > KEPT_INTERVALS) this.#intervalsMs.shift()
      this.#fresh++
    }
    this.#wasShort = isShort
  }

  /**
   * How long the leg may be silent before it has failed.
   * @param minMs the lower bound
   */
  silenceTimeoutMs(minMs: number): number {
    const timeoutMs = Math.max(minMs, TIMEOUT_FACTOR * this.#typicalMs())
    return this.#fresh < 2 ? Math.max(timeoutMs, UNKNOWN_TIMEOUT_MS) : timeoutMs
  }

  /** 0: not known. */
  #typicalMs(): number {
    const [longest = 0, second = longest] = this.#intervalsMs.toSorted(
      (a, b) => b - a,
    )
    // A single hiccup among many intervals is ignored.
    return this.#intervalsMs.length < ENOUGH_INTERVALS ? longest : second
  }

  #resetFresh(): void {
    this.#wasShort = false
    this.#fresh = 0
  }
}
