import { EngineError } from '../engine/engine-error.ts'
import { StreamError } from '../whep/stream-port.ts'

/** Translates an error of the engine, and keeps it as the cause. */
export function toStreamError(cause: unknown): StreamError {
  if (cause instanceof StreamError) return cause
  if (cause instanceof EngineError) {
    return new StreamError(cause.code, cause.message, { cause })
  }
  const reason = cause instanceof Error ? cause.message : String(cause)
  return new StreamError('worker', `Cannot serve the viewer: ${reason}`, {
    cause,
  })
}
