/**
 * Why a stream is degraded, worst reason first. The codes are on the wire and in
 * the label `reason`.
 */
export const DEGRADED_REASONS = [
  /** The media worker does not respond, so nothing else is known. */
  'worker-frozen',
  /** A leg receives no RTP; see the leg's failure cause. */
  'leg-failed',
  /** A copied track has a codec that browsers do not play. */
  'codec',
  /** RTP arrives with another payload type than the leg's. */
  'payload-type',
  /** FFmpeg repeats one picture; its speed is wrong as well. */
  'standing-picture',
  /** FFmpeg is slower than real time, which makes key frames rare as well. */
  'slow',
  /** Video has no key frames: new viewers get no picture. */
  'no-key-frames',
  /** Timestamps jump against the clock, forwards or backwards. */
  'timestamps',
  /** FFmpeg is faster than real time. */
  'fast',
  /** H264 with B-frames, which browsers play badly or not at all. */
  'b-frames',
  /** 10 bit, 4:2:2 or 4:4:4, which browsers do not decode. */
  'pixel-format',
  /** Key frames are far apart: new viewers wait. */
  'sparse-key-frames',
  /** Packets are lost on their way to this server. */
  'loss',
] as const

export type DegradedReason = (typeof DEGRADED_REASONS)[number]

/** Replaces a reason that only a newer media process has. */
export const OTHER_REASON = 'other'

export type ShownReason = DegradedReason | typeof OTHER_REASON

/** Whether `code` is one of the reasons. */
export function isDegradedReason(code: string): code is DegradedReason {
  const reasons: readonly string[] = DEGRADED_REASONS
  return reasons.includes(code)
}

/** The worst of some reasons; undefined if there are none. */
export function worstReason(
  reasons: Iterable<DegradedReason>,
): DegradedReason | undefined {
  const found = new Set(reasons)
  return DEGRADED_REASONS.find(reason => found.has(reason))
}
