/**
 * What a process with `webrtc.enabled` needs of its stream: the legs that its
 * FFmpeg sends to. `LiveStream` in stream/ gives it.
 */
import type { StreamId } from '../../shared/protocol/ids.ts'
import type { Progress } from '../ffmpeg/progress.ts'
import type { RunArguments } from '../ffmpeg/run-arguments.ts'
import type { RunInputs } from '../ingest/input-plan.ts'
import type { ExternalWebrtc, ManagedWebrtc } from '../ingest/webrtc-config.ts'

/** How a run of FFmpeg ended. */
export interface RunEnd {
  /** An operator's stop, restart, reload or removal, or our own shutdown. */
  readonly asked: boolean
  readonly code: number | null
  readonly signal: string | null
  /** The last lines of stderr, oldest first: not to be shown, as well. */
  readonly log: readonly string[]
}

export interface StreamPort {
  /**
   * Makes sure that the legs are there, and gives the FFmpeg arguments of
   * the next run (sequence numbers go on from the last). Where it rejects, the
   * legs that could not be made are counted as failed.
   * @param inputs what FFmpeg is going to read; absent: nothing is known of it
   */
  prepareRun(inputs?: RunInputs): Promise<RunArguments>
  /** FFmpeg was spawned: from here on, silence counts. */
  runStarted(): void
  /** A line of FFmpeg's stderr: to be read, not shown, for its secrets. */
  runSaid(line: string): void
  /** FFmpeg reported its progress, which it does once a second. */
  runProgressed(progress: Progress): void
  /**
   * An operator's wish ends FFmpeg, which may take until it is killed: from
   * here on, silence does not count. `runEnded` follows.
   */
  runEnding(): void
  /**
   * FFmpeg is gone, or, without `runStarted`, could not be spawned (code and
   * signal are null). Unless asked for, counts the legs that were alive.
   */
  runEnded(end: RunEnd): void
  /**
   * FFmpeg has ended and nothing is due to start it again: who views stays,
   * but there is nothing to join. The next `prepareRun` takes it back.
   */
  senderOver(): void
  /**
   * Only where somebody else sends: makes sure that the legs are there and
   * listen; from here on, silence counts. Takes the place of those above.
   */
  startExternal(): Promise<void>
  /** The stream was stopped: closes legs and viewers, keeps the stream. */
  stop(): Promise<void>
  /** The stream is removed for good. */
  remove(): Promise<void>
}

/** The streams that processes feed. `LiveStreams` in stream/ gives it. */
export interface StreamRegistry {
  /** Registers a stream, stopped; its id is not registered. */
  add(id: StreamId, webrtc: ManagedWebrtc | ExternalWebrtc): StreamPort
}
