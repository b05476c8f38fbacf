import type { Log } from '../../shared/runtime/log.ts'
import type { Clock } from '../../shared/runtime/clock.ts'
import type { ReconnectPolicy } from './reconnect.ts'
import type { RunArguments, RunInputs, RunPort } from './run-port.ts'
import type { RunLimits } from './run.ts'

/** How FFmpeg is started. */
export interface Command {
  readonly inputs: RunInputs
  /** All arguments of a run, including those that its stream adds. */
  readonly args: (added: RunArguments) => readonly string[]
}

/** What is supervised, and how. */
export interface RunSettings {
  /** Id of the process, for the log. */
  readonly id: string
  /** Program, by name or path; looked up at each start. */
  readonly binary: string
  /** PATH to look it up in. */
  readonly searchPath: string
  readonly command: Command
  readonly reconnect: ReconnectPolicy
  readonly limits: RunLimits
}

export interface SupervisorOptions {
  readonly clock: Clock
  readonly log: Log
  /** 0 up to but not 1. */
  readonly random: () => number
  /** undefined: the process feeds no stream. */
  readonly port: RunPort | undefined
}
