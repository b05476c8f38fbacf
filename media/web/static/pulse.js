/** Maximum pause while the rhythm of the source is unknown. */
const UNKNOWN_RHYTHM_TIMEOUT_MS = 32_000
/** A source may pause for three times its rhythm, but not much longer. */
const PATIENCE = 3
const MAX_EXTRA_MS = 20_000
/** Older gaps do not count for the rhythm. */
const MEMORY_MS = 100_000
/** Maximum rhythm of a source that counts as alive. */
const MAX_RHYTHM_MS = 30_000

/** Detects that a regular event has stopped, judged by its own rhythm. */
export class Pulse {
  #minMs
  /** @type {{ atMs: number, gapMs: number }[]} */
  #gaps = []
  /** @type {number | undefined} */
  #lastMs

  /**
   * @param {number} minMs a shorter pause never counts, whatever the rhythm
   */
  constructor(minMs) {
    this.#minMs = minMs
  }

  /** Whether there was any event. */
  get began() {
    return this.#lastMs !== undefined
  }

  /**
   * Records an event.
   *
   * @param {number} nowMs
   */
  beat(nowMs) {
    if (this.#lastMs !== undefined) {
      this.#gaps.push({ atMs: nowMs, gapMs: nowMs - this.#lastMs })
    }
    this.#lastMs = nowMs
    this.#gaps = this.#gaps.filter(({ atMs }) => nowMs - atMs < MEMORY_MS)
  }

  /**
   * The usual gap, milliseconds; undefined while too few are known. It is the
   * second longest recent one, since a single pause is not a rhythm.
   */
  get rhythmMs() {
    const [, second] = this.#gaps
      .map(({ gapMs }) => gapMs)
      .sort((one, other) => other - one)
    return second === undefined ? undefined : Math.min(second, MAX_RHYTHM_MS)
  }

  /**
   * Whether the pause since the last event is longer than the rhythm allows.
   *
   * @param {number} nowMs
   */
  isStill(nowMs) {
    if (this.#lastMs === undefined) return false
    return nowMs - this.#lastMs > this.#limitMs
  }

  get #limitMs() {
    const { rhythmMs } = this
    if (rhythmMs === undefined) return UNKNOWN_RHYTHM_TIMEOUT_MS
    const limit = Math.min(PATIENCE * rhythmMs, rhythmMs + MAX_EXTRA_MS)
    return Math.max(this.#minMs, limit)
  }
}
