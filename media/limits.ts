/**
 * Timeouts of the media process that are not settings, in one object that is
 * passed whole.
 */
export interface MediaLimits {
  /** Time for a worker process to report that it runs, milliseconds. */
  readonly workerStartTimeoutMs: number
  /** Interval of the pings to each worker and checks of the relay thread, ms. */
  readonly workerPingIntervalMs: number
  /**
   * A worker that does not answer a ping for this long is killed and replaced;
   * so is the relay thread if it does not answer a request.
   */
  readonly workerUnresponsiveTimeoutMs: number
  /** How long a port that another program uses stays out of the pool. */
  readonly portQuarantineMs: number
  /** Time without a key frame after which a stream counts as degraded. */
  readonly keyFrameTimeoutMs: number
  /** How long a piped router without viewers is kept, milliseconds. */
  readonly egressIdleMs: number
  /** How long transports made ahead of time wait for a viewer, milliseconds. */
  readonly warmIdleMs: number
}

export const MEDIA_LIMITS: MediaLimits = {
  workerStartTimeoutMs: 10_000,
  workerPingIntervalMs: 1_000,
  workerUnresponsiveTimeoutMs: 20_000,
  portQuarantineMs: 60_000,
  keyFrameTimeoutMs: 10_000,
  egressIdleMs: 5_000,
  warmIdleMs: 60_000,
}
