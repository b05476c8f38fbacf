/**
 * What a process with `webrtc.enabled` needs of its stream: the legs that its
 * FFmpeg sends to. `LiveStream` in router/ gives it.
 */

/** How a run of FFmpeg ended. */
export interface RunEnd {
  /** An operator's stop, restart, reload or removal, or our own shutdown. */
  readonly asked: boolean
  readonly code: number | null
  readonly signal: string | null
  /** The last lines of stderr, oldest first. */
  readonly log: readonly string[]
}

export interface StreamPort {
  /**
   * Makes sure that the legs are there, and gives the FFmpeg arguments of
   * the RTP outputs of the next run (sequence numbers go on from the last).
   * Where it rejects, the legs that could not be made are counted as failed.
   */
  prepareRun(): Promise<readonly string[]>
  /** FFmpeg was spawned: from here on, silence counts. */
  runStarted(): void
  /** FFmpeg is gone. Unless asked for, counts the legs that were alive. */
  runEnded(end: RunEnd): void
  /** The stream was stopped: closes legs and viewers, keeps the stream. */
  stop(): Promise<void>
  /** The stream is removed for good. */
  remove(): Promise<void>
}
