/**
 * The port of a supervised FFmpeg: the stream that it sends RTP to. stream/
 * implements it.
 */
import type { Progress } from './progress.ts'

/** An input of FFmpeg: address and options, placeholders expanded. */
export interface RunInput {
  readonly address: string
  readonly options: readonly string[]
}

/** The inputs of a run of FFmpeg. */
export interface RunInputs {
  readonly inputs: readonly RunInput[]
  /** The process has outputs of its own, which read the same inputs. */
  readonly shared: boolean
}

/** The arguments that a stream adds to a run of FFmpeg. */
export interface RunArguments {
  /** For each input, placed before its own options. */
  readonly inputOptions: readonly (readonly string[])[]
  /** The RTP outputs, placed last. */
  readonly outputs: readonly string[]
}

/** The arguments that are added without a stream. */
export const NO_ARGUMENTS: RunArguments = { inputOptions: [], outputs: [] }

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
  readonly requested: boolean
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
   * and signal are null. Counts the legs as failed, unless `requested`.
   */
  runEnded(end: RunEnd): void
  /**
   * FFmpeg has ended and will not be started again: viewers stay, but nobody
   * may join until the next `prepareRun`.
   */
  senderOver(): void
}
