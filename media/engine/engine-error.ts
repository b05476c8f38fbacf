import { reasonOf } from '../../shared/runtime/errors.ts'

export type EngineErrorCode =
  /** A port pool is empty. */
  | 'ports'
  /** A stream's viewers already use the maximum of payload-type maps. */
  | 'layouts'
  /** No worker is running, or the worker died or failed. */
  | 'worker'
  /** The worker did not respond in time. */
  | 'deadline'

/** Why the engine could not do something. */
export class EngineError extends Error {
  override readonly name = 'EngineError'
  readonly code: EngineErrorCode

  constructor(code: EngineErrorCode, message: string, options?: ErrorOptions) {
    super(message, options)
    this.code = code
  }

  /** Wraps whatever a worker request rejected with, and keeps the cause. */
  static from(cause: unknown, action: string): EngineError {
    if (cause instanceof EngineError) return cause
    const reason = reasonOf(cause)
    return new EngineError('worker', `Cannot ${action}: ${reason}`, { cause })
  }
}
