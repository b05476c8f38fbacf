import type { ActiveStream } from './active-stream.ts'
import type { StreamIngest } from './stream-ingest.ts'

/** What all states between the start and the stop of a stream have. */
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

/** Where a stream stands. A state owns what it has beside `Started`. */
export type StreamState =
  | { readonly at: 'stopped' }
  /** Its legs are being opened, or made ready for the next run. */
  | (Started & {
      readonly at: 'preparing'
      /** Of the run before, with its viewers; undefined: not open yet. */
      readonly ingest: StreamIngest | undefined
      /** Resolves when the preparation has ended, well or not. */
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
  /** Its sender runs, but is being replaced by one that fits its inputs. */
  | (Started & { readonly at: 'refitting'; readonly ingest: StreamIngest })
  /** Its worker has ended, and its legs and viewers with it. */
  | (Started & { readonly at: 'lost' })
  /** Its sender has ended for good: viewers stay, but nobody may join. */
  | (Started & {
      readonly at: 'over'
      readonly ingest: StreamIngest | undefined
    })
  | { readonly at: 'removed' }

export type StartedState = Extract<StreamState, Started>

export function isStarted(state: StreamState): state is StartedState {
  return state.at !== 'stopped' && state.at !== 'removed'
}

/** What the next state takes over, whichever it is. */
export function startedOf({ active, hasRtp, restartSender }: Started): Started {
  return { active, hasRtp, restartSender }
}

/** The ingest that is open in a state. */
export function ingestOf(state: StreamState): StreamIngest | undefined {
  return 'ingest' in state ? state.ingest : undefined
}

/** Closes what `last` owns and `next` has not taken over. */
export function leaveState(last: StreamState, next: StreamState): void {
  if (last.at === 'failed') clearTimeout(last.retry)
  const ingest = ingestOf(last)
  if (ingest !== ingestOf(next)) ingest?.close()
}
