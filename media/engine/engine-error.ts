export type EngineErrorCode =
  /** A port pool is empty. */
  | 'ports'
  /** A stream's viewers use as many payload-type layouts as it may have. */
  | 'layouts'
  /** No worker is there, or the worker died or refused. */
  | 'worker'
  /** The worker did not answer in time. */
  | 'deadline'

/** What the engine could not do, and whose fault it is. */
export class EngineError extends Error {
  override readonly name = 'EngineError'
  readonly code: EngineErrorCode

  constructor(code: EngineErrorCode, message: string, options?: ErrorOptions) {
    super(message, options)
    this.code = code
  }

  /** Turns what a worker rejected with into one of ours, with its cause. */
  static from(cause: unknown, action: string): EngineError {
    if (cause instanceof EngineError) return cause
    const reason = cause instanceof Error ? cause.message : String(cause)
    return new EngineError('worker', `Cannot ${action}: ${reason}`, { cause })
  }
}
