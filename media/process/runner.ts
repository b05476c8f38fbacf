import type { ProcessReport } from '../ffmpeg/run-log.ts'
import type { SupervisorStatus } from '../ffmpeg/status.ts'

/** Runs a process: FFmpeg, or only the legs of an external stream. */
export interface Runner {
  /** Starts, and retries after failures. Idempotent. */
  start(): void
  /** Stops and waits for the end. Idempotent. */
  stop(killTimeoutMs?: number): Promise<void>
  /** Restarts without delay; does nothing if it is not started. */
  restart(reason: string): void
  status(): SupervisorStatus
  report(): ProcessReport
}
