/**
 * Why viewers of a stream see or hear less than they should: the codes that
 * go over the wire and into the label `reason`, worst first.
 */
export const DEGRADED_REASONS = [
  /** The media worker does not answer: nothing else is known. */
  'worker-frozen',
  /** A leg carries no RTP; the leg's own cause says more. */
  'leg-failed',
  /** What is copied is of a codec that browsers do not play. */
  'codec',
  /** RTP of another payload type than the leg's arrives. */
  'payload-type',
  /** FFmpeg sends duplicates of one picture; its speed is off as well. */
  'standing-picture',
  /** FFmpeg is slower than real time; it makes key frames rare as well. */
  'slow',
  /** Video has no key frames: who joins sees nothing. */
  'no-key-frames',
  /** Timestamps leap or fall back against the clock. */
  'timestamps',
  /** FFmpeg is faster than real time. */
  'fast',
  /** H264 with B-frames, which browsers play badly or not at all. */
  'b-frames',
  /** 10 bit, 4:2:2 or 4:4:4, which browsers do not decode. */
  'pixel-format',
  /** Key frames are far apart: who joins waits. */
  'sparse-key-frames',
  /** Packets are lost on their way to us. */
  'loss',
] as const

export type DegradedReason = (typeof DEGRADED_REASONS)[number]

/** What stands for a reason that only a newer media process knows. */
export const OTHER_REASON = 'other'

export type ShownReason = DegradedReason | typeof OTHER_REASON

/** Whether `code` is one of the reasons. */
export function isDegradedReason(code: string): code is DegradedReason {
  const reasons: readonly string[] = DEGRADED_REASONS
  return reasons.includes(code)
}

/** The worst of some reasons; undefined where there is none. */
export function worstReason(
  reasons: Iterable<DegradedReason>,
): DegradedReason | undefined {
  const found = new Set(reasons)
  return DEGRADED_REASONS.find(reason => found.has(reason))
}
