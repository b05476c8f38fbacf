import type { Cancel } from '../../shared/runtime/clock.ts'
import type { Connection } from './connection.ts'

/** A connection on which the exporter has answered the hello. */
export interface Exchange {
  readonly connection: Connection
  /** The batch without an ack, if there is one. */
  batch: { readonly seq: number; readonly cells: number } | undefined
  /** Set while a turn is planned: at once, or when the interval is over. */
  nextTurn: Cancel | undefined
}

/**
 * Every state of the link, each with the timer and the connection it owns;
 * `leave` releases them.
 *
 *     idle -> connecting -> handshaking -> catchingUp -> live
 *                 ^              |             |          |
 *                 +-- waiting <--+-------------+----------+
 *
 * `close()` leads from any of them to closing and closed.
 */
export type LinkState =
  | { readonly at: 'idle' }
  /** Until the next attempt. */
  | {
      readonly at: 'waiting'
      readonly cancel: Cancel
      /** Whether the exporter had answered on the previous connection. */
      readonly wasConnected: boolean
    }
  /** TCP connection and WebSocket handshake. */
  | { readonly at: 'connecting'; readonly connection: Connection }
  /** Hello is sent; the timer limits the wait for the welcome. */
  | {
      readonly at: 'handshaking'
      readonly connection: Connection
      readonly cancel: Cancel
    }
  /** Sends what was dirty at the welcome: this many series are left. */
  | {
      readonly at: 'catchingUp'
      readonly exchange: Exchange
      readonly left: number
    }
  /** Sends changes and snapshots; the timer marks the link as stable. */
  | {
      readonly at: 'live'
      readonly exchange: Exchange
      readonly cancel: Cancel
    }
  /** The connection is being closed. */
  | { readonly at: 'closing'; readonly ended: () => void }
  | { readonly at: 'closed' }

/** The exchange of a state that has one. */
export function exchangeOf(state: LinkState): Exchange | undefined {
  return 'exchange' in state ? state.exchange : undefined
}

/** The connection of a state that has one. */
export function connectionOf(state: LinkState): Connection | undefined {
  return 'connection' in state
    ? state.connection
    : exchangeOf(state)?.connection
}

/** Cancels the timers of `state` that `next` does not take over. */
export function leave(state: LinkState, next: LinkState): void {
  if ('cancel' in state) state.cancel()
  const exchange = exchangeOf(state)
  if (exchange !== exchangeOf(next)) exchange?.nextTurn?.()
}
