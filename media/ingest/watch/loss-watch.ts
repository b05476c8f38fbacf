/**
 * The share of a sender's packets that is lost on the way to us, from gaps in
 * the sequence numbers. Pure, time is a parameter. Late packets are not lost.
 */
import { MAX_DROPOUT, MAX_MISORDER, sequenceDistance } from '../rtp/sequence.ts'

interface Bucket {
  readonly second: number
  expected: number
  received: number
}

const WINDOW_S = 10
/** Too few lost packets for a meaningful share. */
const MIN_LOST = 3
/** Hysteresis. */
const LOSSY = { above: 0.01, until: 0.005 } as const

export class LossWatch {
  #last: number | undefined
  #buckets: Bucket[] = []
  #isLossy = false

  /** A new sender: the gap between the two is not a loss. */
  begin(): void {
    this.#last = undefined
  }

  /**
   * Counts a packet.
   * @returns whether it is in order
   */
  observe(sequence: number, nowMs: number): boolean {
    const bucket = this.#bucketOf(nowMs)
    bucket.received++
    const ahead =
      this.#last === undefined ? 1 : sequenceDistance(this.#last, sequence)
    if (ahead > MAX_DROPOUT || ahead < -MAX_MISORDER) {
      // The sender restarted.
      bucket.expected++
    } else if (ahead <= 0) {
      return false
    } else {
      bucket.expected += ahead
    }
    this.#last = sequence
    return true
  }

  /** The share lost in the last ten seconds, 0 to 1; 0 if it is tolerable. */
  share(nowMs: number): number {
    const now = secondOf(nowMs)
    // Without the current second, whose packets may merely be late.
    const buckets = this.#buckets.filter(
      ({ second }) => second < now && second >= now - WINDOW_S,
    )
    const expected = sum(buckets.map(bucket => bucket.expected))
    const lost = expected - sum(buckets.map(bucket => bucket.received))
    const share = expected === 0 ? 0 : lost / expected
    this.#isLossy =
      lost >= MIN_LOST && share > (this.#isLossy ? LOSSY.until : LOSSY.above)
    return this.#isLossy ? share : 0
  }

  #bucketOf(nowMs: number): Bucket {
    const second = secondOf(nowMs)
    const last = this.#buckets.at(-1)
    if (last?.second === second) return last
    const bucket = { second, expected: 0, received: 0 }
    this.#buckets.push(bucket)
    while ((this.#buckets[0]?.second ?? second) < second - WINDOW_S) {
      this.#buckets.shift()
    }
    return bucket
  }
}

function secondOf(nowMs: number): number {
  return Math.floor(nowMs / 1_000)
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0)
}
