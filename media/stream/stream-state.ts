import type { ActiveStream } from './active-stream.ts'
import type { StreamIngest } from './stream-ingest.ts'

/** The fields of all states between the start and the stop of a stream. */
export interface Started {
  readonly active: ActiveStream
  /** RTP has arrived, so viewers may join. */
  readonly hasRtp: boolean
  /**
   * Ends the sender, if it runs, and starts it again at once. No leg counts as
   * failed.
   */
  readonly restartSender: (reason: string) => void
}

/** The state of a stream. Each state owns the fields it adds to `Started`. */
export type StreamState =
  | { readonly at: 'stopped' }
  /** Its legs are being opened or made ready for the next run. */
  | (Started & {
      readonly at: 'preparing'
      /** Open since the last run, with its viewers; undefined: not open. */
      readonly ingest: StreamIngest | undefined
      /** Resolves when the preparation has succeeded or failed. */
      readonly done: Promise<void>
    })
  /** Its legs could not be opened. */
  | (Started & {
      readonly at: 'failed'
      /** Only an external stream retries by itself. */
      readonly retry: NodeJS.Timeout | undefined
    })
  /** Its legs listen, and no sender runs. */
  | (Started & { readonly at: 'ready'; readonly ingest: StreamIngest })
  | (Started & { readonly at: 'running'; readonly ingest: StreamIngest })
  /** Its FFmpeg runs, but is restarted with arguments that fit its inputs. */
  | (Started & { readonly at: 'refitting'; readonly ingest: StreamIngest })
  /** Its worker has ended, and its legs and viewers with it. */
  | (Started & { readonly at: 'lost' })
  /** Its sender has ended for good: viewers stay, new ones are rejected. */
  | (Started & {
      readonly at: 'over'
      readonly ingest: StreamIngest | undefined
    })
  | { readonly at: 'removed' }

export type StartedState = Extract<StreamState, Started>

export function isStarted(state: StreamState): state is StartedState {
  return state.at !== 'stopped' && state.at !== 'removed'
}

/** Picks the fields that any next state takes over. */
export function startedOf({ active, hasRtp, restartSender }: Started): Started {
  return { active, hasRtp, restartSender }
}

/** Returns the ingest that is open in a state. */
export function ingestOf(state: StreamState): StreamIngest | undefined {
  return 'ingest' in state ? state.ingest : undefined
}

/** Closes what `last` owns and `next` has not taken over. */
export function leaveState(last: StreamState, next: StreamState): void {
  if (last.at === 'failed') clearTimeout(last.retry)
  const ingest = ingestOf(last)
  if (ingest !== ingestOf(next)) ingest?.close()
}
