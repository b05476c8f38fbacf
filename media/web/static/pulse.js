/** What a source is given while its rhythm is not known. */
const UNKNOWN_LIMIT_MS = 32_000
/** So many times its rhythm a source may pause, at most `MOST_BEYOND_MS` more. */
const PATIENCE = 3
const MOST_BEYOND_MS = 20_000
/** Gaps that are older say nothing of the rhythm any more. */
const MEMORY_MS = 100_000
/** No source is slower than this and still alive. */
const SLOWEST_MS = 30_000

/** Whether something that comes again and again still does, by its own rhythm. */
export class Pulse {
  #leastMs
  /** @type {{ atMs: number, gapMs: number }[]} */
  #gaps = []
  /** @type {number | undefined} */
  #lastMs

  /**
   * @param {number} leastMs whatever the rhythm is, a pause that is no longer
   *   says nothing
   */
  constructor(leastMs) {
    this.#leastMs = leastMs
  }

  /** Whether it ever came. */
  get began() {
    return this.#lastMs !== undefined
  }

  /**
   * It has come.
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
   * The usual gap, milliseconds; undefined while too few were seen. It is the
   * second longest of late: one pause is no rhythm.
   */
  get rhythmMs() {
    const [, second] = this.#gaps
      .map(({ gapMs }) => gapMs)
      .sort((one, other) => other - one)
    return second === undefined ? undefined : Math.min(second, SLOWEST_MS)
  }

  /**
   * Whether it has paused for longer than its rhythm allows.
   *
   * @param {number} nowMs
   */
  isStill(nowMs) {
    if (this.#lastMs === undefined) return false
    return nowMs - this.#lastMs > this.#limitMs
  }

  get #limitMs() {
    const { rhythmMs } = this
    if (rhythmMs === undefined) return UNKNOWN_LIMIT_MS
    const most = Math.min(PATIENCE * rhythmMs, rhythmMs + MOST_BEYOND_MS)
    return Math.max(this.#leastMs, most)
  }
}
