/** What the worker has counted of a leg. */
export interface LegCounts {
  readonly received: number
  readonly lost: number
}

/** One run of FFmpeg. */
export interface SequenceRun {
  /** The sequence number it started with. */
  readonly first: number
  /** What was counted before it. */
  readonly before: LegCounts
}

const MODULUS = 2 ** 16

/** A sequence number so far back is a sender's restart, not a late packet. */
export const MOST_LATE = 100
/** RFC 3550 section A.1, MAX_DROPOUT: a leap so far is a restart as well. */
export const MOST_LOST = 3_000

/** How far `to` is after `from`, on the circle of sequence numbers. */
export function sequenceDistance(from: number, to: number): number {
  const ahead = (to - from + MODULUS) % MODULUS
  return ahead < MODULUS / 2 ? ahead : ahead - MODULUS
}

/**
 * Beyond what was counted, for packets that got lost on their way. Less than
 * 3000, which mediasoup takes for a new stream (RFC 3550, MAX_DROPOUT).
 */
const MARGIN = 300

/**
 * The sequence number that the next run of FFmpeg must start with. Viewers
 * refuse packets whose number went backwards, as replayed ones, and freeze
 * for minutes; so it only goes forward.
 */
export function nextSequence(
  run: SequenceRun | undefined,
  now: LegCounts,
): number {
  if (run === undefined) return 1
  const received = now.received - run.before.received
  // Failed starts must not add up to a leap.
  if (received <= 0) return run.first
  const lost = Math.max(0, now.lost - run.before.lost)
  return (run.first + received + lost + MARGIN) % MODULUS
}
