import type { ChildExit } from './child.ts'
import type { Usage } from './limits.ts'
import type { Progress } from './progress.ts'
import type { ExitState } from './run-log.ts'

/** The state of a process, in upstream's words. */
export type ExecState = ExitState | 'starting' | 'running' | 'finishing'

/** The status of a process, for the API. */
export interface SupervisorStatus {
  readonly exec: ExecState
  /** Seconds since `exec` changed. */
  readonly runtimeS: number
  /** Seconds until the next start; undefined: none is scheduled. */
  readonly reconnectS: number | undefined
  readonly lastLine: string
  readonly progress: Progress
  readonly usage: Usage
  /** Arguments of the last run, secrets masked. */
  readonly command: readonly string[]
}

/**
 * Classifies an exit. After a signal FFmpeg exits with 255, or dies of SIGINT
 * if that arrives before its handler is installed: neither is a failure. But
 * FFmpeg 7.1 exits with its error number, and EPERM is 255 too.
 * @param requested whether we sent a signal
 */
export function exitState(
  { code, signal }: ChildExit,
  requested: boolean,
): ExitState {
  if (signal === 'SIGINT' || code === 0) return 'finished'
  if (code === 255 && requested) return 'finished'
  return signal === null ? 'failed' : 'killed'
}

/** Whether no run is active. */
export function isExitState(state: ExecState): state is ExitState {
  return state === 'finished' || state === 'failed' || state === 'killed'
}
