import type { ChildExit } from './child.ts'
import type { Usage } from './limits.ts'
import type { Progress } from './progress.ts'
import type { ExitState } from './run-log.ts'

/** Where a process stands, in upstream's words. */
export type ExecState = ExitState | 'starting' | 'running' | 'finishing'

/** What is to be told of a process. */
export interface SupervisorStatus {
  readonly exec: ExecState
  /** Seconds since `exec` changed. */
  readonly runtimeS: number
  /** Seconds until the next start; undefined: none is due. */
  readonly reconnectS: number | undefined
  readonly lastLine: string
  readonly progress: Progress
  readonly usage: Usage
  /** Arguments of the last run, secrets masked. */
  readonly command: readonly string[]
}

/**
 * FFmpeg exits with 255 when a signal asked it to, and dies of SIGINT where
 * that comes before it listens for signals: no failures. FFmpeg 7.1 exits with
 * the number of its error, which is 255 of one that is not permitted.
 * @param toldToEnd by our own signal
 */
export function exitState(
  { code, signal }: ChildExit,
  toldToEnd: boolean,
): ExitState {
  if (signal === 'SIGINT' || code === 0) return 'finished'
  if (code === 255 && toldToEnd) return 'finished'
  return signal === null ? 'failed' : 'killed'
}

/** Whether nothing runs. */
export function isExitState(state: ExecState): state is ExitState {
  return state === 'finished' || state === 'failed' || state === 'killed'
}
