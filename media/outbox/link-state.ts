import type { Cancel } from '../clock.ts'
import type { Connection } from './connection.ts'

/** A batch whose ack is awaited. */
export interface InFlight {
  readonly seq: number
  readonly cells: number
}

/** A connection whose hello was welcomed. */
export interface Exchange {
  readonly connection: Connection
  readonly batch: InFlight | undefined
}

/** The link's whole state; each has what it owns, to be given up on leaving. */
export type LinkState =
  | { readonly at: 'idle' }
  /** Until the next attempt; `lost` says that the exporter was there. */
  | {
      readonly at: 'waiting'
      readonly cancel: Cancel
      readonly lost: boolean
    }
  /** TCP and WebSocket handshake. */
  | { readonly at: 'connecting'; readonly connection: Connection }
  /** Hello was sent. */
  | {
      readonly at: 'greeting'
      readonly connection: Connection
      readonly cancel: Cancel
    }
  /** What was owed at the welcome goes out: so many cells are left. */
  | ({ readonly at: 'replaying'; readonly left: number } & Exchange)
  /** What changes goes out, and snapshots. */
  | ({ readonly at: 'live' } & Exchange)
  /** Goodbye was said. */
  | { readonly at: 'closing'; readonly ended: () => void }
  | { readonly at: 'closed' }

/** The welcomed connection of a state that has one. */
export function exchangeOf(state: LinkState): Exchange | undefined {
  return state.at === 'live' || state.at === 'replaying' ? state : undefined
}
