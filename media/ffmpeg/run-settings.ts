import type { Log } from '../../shared/runtime/log.ts'
import type { Clock } from '../clock.ts'
import type { Progress } from './progress.ts'
import type { ReconnectPolicy } from './reconnect.ts'
import type { RunArguments, RunInputs } from './run-arguments.ts'
import type { RunBounds } from './run.ts'

/** How FFmpeg is started. */
export interface Command {
  readonly inputs: RunInputs
  /** All arguments of a run, including those that its stream adds. */
  readonly args: (added: RunArguments) => readonly string[]
}

/** A run of FFmpeg that a stream is to prepare for. */
export interface RunRequest {
  readonly inputs: RunInputs
  /**
   * Ends FFmpeg and starts it again without delay, because its worker died or
   * its arguments do not fit its inputs. Valid until the next request.
   */
  readonly restart: (reason: string) => void
}

/** How a run of FFmpeg ended. */
export interface RunEnd {
  /** By a stop, restart, reload or removal, or by our own shutdown. */
  readonly asked: boolean
  readonly code: number | null
  readonly signal: string | null
  /** The last lines of stderr, oldest first, with their secrets: never shown. */
  readonly log: readonly string[]
}

/** The stream that FFmpeg sends RTP to, as its supervisor needs it. */
export interface RunPort {
  /**
   * Opens the legs, unless they are open, and returns the arguments that the
   * next run needs; its sequence numbers continue those of the last run. On
   * rejection the stream has counted the legs as failed.
   */
  prepareRun(request: RunRequest): Promise<RunArguments>
  /** FFmpeg was spawned: from here on, silence counts. */
  runStarted(): void
  /** A line of FFmpeg's stderr, with its secrets: never shown. */
  runSaid(line: string): void
  /** FFmpeg reported its progress, as it does once a second. */
  runProgressed(progress: Progress): void
  /**
   * A stop or restart ends FFmpeg, which may take until it is killed: from
   * here on, silence does not count. `runEnded` follows.
   */
  runEnding(): void
  /**
   * FFmpeg has ended or, without `runStarted`, could not be spawned; then code
   * and signal are null. Counts the legs as failed, unless `asked`.
   */
  runEnded(end: RunEnd): void
  /**
   * FFmpeg has ended and will not be started again: viewers stay, but nobody
   * may join until the next `prepareRun`.
   */
  senderOver(): void
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
  readonly bounds: RunBounds
}

export interface SupervisorOptions {
  readonly clock: Clock
  readonly log: Log
  /** 0 up to but not 1. */
  readonly random: () => number
  /** undefined: the process feeds no stream. */
  readonly port: RunPort | undefined
}
