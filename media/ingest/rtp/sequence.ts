/** What the worker has counted of a leg. */
export interface LegCounts {
  readonly received: number
  readonly lost: number
}

/** One run of FFmpeg. */
export interface SequenceRun {
  /** The sequence number it started with. */
  readonly first: number
  /** The worker's counts at its start. */
  readonly before: LegCounts
}

const MODULUS = 2 ** 16

/**
 * RFC 3550 section A.1, MAX_MISORDER: a packet further back is from a
 * restarted sender, not late.
 */
export const MAX_MISORDER = 100
/** RFC 3550 section A.1, MAX_DROPOUT: a larger gap is a restart too. */
export const MAX_DROPOUT = 3_000

/** How far `to` is ahead of `from`, modulo 2^16; negative: behind. */
export function sequenceDistance(from: number, to: number): number {
  const ahead = (to - from + MODULUS) % MODULUS
  return ahead < MODULUS / 2 ? ahead : ahead - MODULUS
}

/**
 * Allowance for packets lost after the last count. Below MAX_DROPOUT, beyond
 * which mediasoup assumes a new stream.
 */
const MARGIN = 300

/**
 * Returns the first sequence number for the next run of FFmpeg. It never goes
 * back: viewers drop packets with an older number as replayed, and freeze for
 * minutes.
 */
export function nextSequence(
  run: SequenceRun | undefined,
  now: LegCounts,
): number {
  if (run === undefined) return 1
  const received = now.received - run.before.received
  // Otherwise failed starts would add up to more than MAX_DROPOUT.
  if (received <= 0) return run.first
  const lost = Math.max(0, now.lost - run.before.lost)
  return (run.first + received + lost + MARGIN) % MODULUS
}
