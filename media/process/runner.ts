import type { Report } from '../ffmpeg/run-log.ts'
import type { SupervisorStatus } from '../ffmpeg/status.ts'

/** What runs for a process: FFmpeg, or nothing but the legs of a stream. */
export interface Runner {
  /** Starts, unless it is started. What goes wrong is tried again. */
  start(): void
  /** Ends what runs, as asked for, and waits until it is gone. Idempotent. */
  stop(killAfterMs?: number): Promise<void>
  /** Starts again without delay; nothing where it is not started. */
  restart(reason: string): void
  status(): SupervisorStatus
  report(): Report
}
