/**
 * What a process with `webrtc.enabled` needs of its stream; stream/ implements
 * it.
 */
import type { StreamId } from '../../shared/protocol/ids.ts'
import type { RunPort } from '../ffmpeg/run-port.ts'
import type { ExternalWebrtc, ManagedWebrtc } from '../ingest/webrtc-config.ts'

export interface StreamPort extends RunPort {
  /**
   * Takes the place of the methods of `RunPort` if another program sends. Opens
   * the legs and keeps them open: retries after a failure, and opens them
   * again in another worker if theirs dies.
   */
  startExternal(start: ExternalStart): void
  /**
   * Takes over when `sender` runs: it starts for the first viewer, and stops
   * when there has been none for `idle_seconds`. If viewers are left from
   * before an update, it starts at once. Starts it again for them if it has
   * ended for good.
   */
  startOnDemand(sender: SenderOnDemand): void
  /**
   * No longer starts or stops the sender; the caller stops it. Viewers stay.
   * Idempotent.
   */
  stopOnDemand(): void
  /** Closes legs and viewers; the stream stays registered. Idempotent. */
  stop(): Promise<void>
  /** Stops the stream and ends its registration. */
  remove(): Promise<void>
}

/** FFmpeg, as a stream starts and stops it. */
export interface SenderOnDemand {
  /** Starts, and retries after failures. Idempotent. */
  start(): void
  /** Stops and waits for the end. Never rejects. Idempotent. */
  stop(): Promise<void>
}

export interface ExternalStart {
  /** On abort there are no more retries; open legs stay open until `stop`. */
  readonly signal: AbortSignal
  /**
   * The delay before the next attempt; undefined: no further attempt.
   * @param failures failed attempts in a row
   */
  readonly retryDelayMs: (failures: number) => number | undefined
  /** Called at each change, until the abort. */
  readonly onState: (state: ExternalState) => void
}

/** How far an external start has come. */
export type ExternalState =
  /** The legs are being opened. */
  | { readonly at: 'starting' }
  /** The legs listen. */
  | { readonly at: 'running' }
  | {
      readonly at: 'failed'
      readonly error: Error
      /** Delay until the next attempt; undefined: no further attempt. */
      readonly retryMs: number | undefined
    }

/** The registry of streams; `Streams` in stream/ implements it. */
export interface StreamRegistry {
  /** Registers a stream, stopped. The id must not be registered yet. */
  add(id: StreamId, webrtc: ManagedWebrtc | ExternalWebrtc): StreamPort
}
