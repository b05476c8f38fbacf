/** The phases of a playback, in order. */
export const PHASES = [
  'offer',
  'ice',
  'dtls',
  'first_rtp',
  'first_key_frame',
] as const

export type Phase = (typeof PHASES)[number]

/** Why a probe failed. */
export const FAILURES = [
  /** The media process answered the offer with an error. */
  'refused',
  /** No candidate of the media process could be reached. */
  'no_ice',
  'no_dtls',
  /** Video or audio that the answer promised did not arrive. */
  'no_rtp',
  'no_key_frame',
  'stream_unknown',
  /** Too many probes at once, or one of this stream: nothing was tried. */
  'busy',
  /** No HTTP response in time. */
  'unreachable',
] as const

export type Failure = (typeof FAILURES)[number]

export const KINDS = ['video', 'audio'] as const

export type Kind = (typeof KINDS)[number]

/** The result of a probe. */
export interface Outcome {
  /** Undefined: the stream can be played. */
  readonly failure?: Failure
  /** The cause of the failure, in words, for the log. */
  readonly detail?: string
  /** Seconds that each phase took; those not reached are missing. */
  readonly seconds: Readonly<Partial<Record<Phase, number>>>
  /** RTP packets received. */
  readonly packets: Readonly<Record<Kind, number>>
}

/** The outcome of a probe that received nothing. */
export function failed(failure: Failure, detail: string): Outcome {
  return { failure, detail, seconds: {}, packets: { video: 0, audio: 0 } }
}

/** A probe without a result, which says nothing about the stream. */
export class ProbeError extends Error {
  override readonly name = 'ProbeError'
}
