/**
 * How much of what a sender sent has got lost before us, from gaps in its
 * sequence numbers: pure, told what time it is. What comes late is not lost.
 */
import { MOST_LATE, MOST_LOST, sequenceDistance } from '../rtp/sequence.ts'

interface Bucket {
  readonly second: number
  expected: number
  received: number
}

const SPAN_S = 10
/** Fewer are no share of anything. */
const LEAST_LOST = 3
const TOO_MUCH = 0.01
const LITTLE = 0.005

export class LossWatch {
  #last: number | undefined
  #buckets: Bucket[] = []
  #isLossy = false

  /** Another sender: what is between the two is not lost. */
  begin(): void {
    this.#last = undefined
  }

  /** Takes note of a packet. False: later ones came before it. */
  packet(sequence: number, nowMs: number): boolean {
    const bucket = this.#bucketOf(nowMs)
    bucket.received++
    const ahead =
      this.#last === undefined ? 1 : sequenceDistance(this.#last, sequence)
    if (ahead > MOST_LOST || ahead < -MOST_LATE) {
      // The sender began anew.
      bucket.expected++
    } else if (ahead <= 0) {
      return false
    } else {
      bucket.expected += ahead
    }
    this.#last = sequence
    return true
  }

  /** The share that got lost in ten seconds, where it is too much; else 0. */
  share(nowMs: number): number {
    const now = secondOf(nowMs)
    // The second that is not over may miss what is only late.
    const buckets = this.#buckets.filter(
      ({ second }) => second < now && second >= now - SPAN_S,
    )
    const expected = sum(buckets.map(bucket => bucket.expected))
    const lost = expected - sum(buckets.map(bucket => bucket.received))
    const share = expected === 0 ? 0 : lost / expected
    this.#isLossy =
      lost >= LEAST_LOST && share > (this.#isLossy ? LITTLE : TOO_MUCH)
    return this.#isLossy ? share : 0
  }

  #bucketOf(nowMs: number): Bucket {
    const second = secondOf(nowMs)
    const last = this.#buckets.at(-1)
    if (last?.second === second) return last
    const bucket = { second, expected: 0, received: 0 }
    this.#buckets.push(bucket)
    while ((this.#buckets[0]?.second ?? second) < second - SPAN_S) {
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
