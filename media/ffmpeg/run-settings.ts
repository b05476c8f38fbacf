import type { Log } from '../../shared/runtime/log.ts'
import type { Command } from '../process/command.ts'
import type { StreamPort } from '../process/stream-port.ts'
import type { Clock } from '../../shared/runtime/clock.ts'
import type { ReconnectPolicy } from './reconnect.ts'
import type { RunBounds } from './run.ts'

/** What a run needs of the stream that its RTP outputs go to. */
export type RunPort = Pick<
  StreamPort,
  | 'prepareRun'
  | 'runStarted'
  | 'runSaid'
  | 'runProgressed'
  | 'runEnding'
  | 'runEnded'
  | 'senderOver'
>

/** What is supervised, and how. */
export interface RunSettings {
  /** Id of the process, for records. */
  readonly id: string
  /** Program, by name or path; looked up at each start. */
  readonly binary: string
  /** PATH to look it up in. */
  readonly searchPath: string
  readonly command: Command
  readonly reconnect: ReconnectPolicy
  readonly bounds: RunBounds
}

export interface SupervisorParts {
  readonly clock: Clock
  readonly log: Log
  /** 0 up to but not 1. */
  readonly random: () => number
  /** undefined: the process feeds no stream. */
  readonly port: RunPort | undefined
}
