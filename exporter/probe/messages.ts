/** The messages between the exporter and its player process. */
import type { Outcome } from './outcome.ts'

/** A stream to play. */
export interface PlayRequest {
  /** URL that the offer is POSTed to. */
  readonly endpoint: string
  /** Headers of each request, which prove that it is a probe. */
  readonly headers: Readonly<Record<string, string>>
  readonly timeoutMs: number
}

export type ToPlayer =
  | {
      readonly kind: 'play'
      readonly id: number
      readonly request: PlayRequest
    }
  | { readonly kind: 'abort'; readonly id: number }

export type FromPlayer =
  | { readonly kind: 'played'; readonly id: number; readonly outcome: Outcome }
  /** The player failed, not the stream. */
  | { readonly kind: 'failed'; readonly id: number; readonly reason: string }
