import {
  ProtocolError,
  type ExporterFrame,
} from '../../shared/protocol/frames.ts'
import {
  BATCH_INTERVAL_MS,
  PING_INTERVAL_MS,
} from '../../shared/protocol/limits.ts'
import type { Log } from '../../shared/runtime/log.ts'
import { OnceLog } from '../../shared/runtime/once-log.ts'
import type { Clock } from '../../shared/runtime/clock.ts'
import { Connection } from './connection.ts'
import {
  reasonOfError,
  reasonOfTimeout,
  type DisconnectReason,
} from './disconnect-reason.ts'
import {
  connectionOf,
  exchangeOf,
  leave,
  type Exchange,
  type LinkState,
} from './link-state.ts'
import type { Snapshots } from './snapshots.ts'
import type { Spool } from './spool.ts'
import type { Unacked } from './unacked.ts'

/** Time from hello to welcome, milliseconds. */
const WELCOME_TIMEOUT_MS = 5_000

/** Time to send unacknowledged observations at shutdown, milliseconds. */
const FLUSH_TIMEOUT_MS = 1_000

/**
 * Exponential back-off between attempts, with jitter so that reconnects do not
 * synchronise. A failed attempt costs about 1 ms of CPU: the maximum keeps a
 * box without an exporter idle, and observations wait in the spool. `permanent`
 * applies when a person has to act first.
 */
const RETRY_MS = { min: 50, max: 2_000, permanent: 5_000 } as const

export interface LinkOptions {
  readonly url: URL
  readonly token: string | undefined
  readonly unacked: Unacked
  readonly snapshots: Snapshots
  readonly spool: Spool | undefined
  readonly log: Log
  readonly clock: Clock
  /** Returns a number from 0 to below 1, for the jitter. */
  readonly random: () => number
}

/** Whether the exporter is connected, for operators. */
export interface LinkStatus {
  readonly connected: boolean
  /** Since when, milliseconds since 1970; undefined: it never was connected. */
  readonly sinceMs: number | undefined
}

/**
 * Maintains the connection to the exporter and sends unacknowledged changes.
 *
 * Sending happens in turns, at most one per BATCH_INTERVAL_MS: a snapshot if
 * one is due, then a batch if something is dirty and no ack is missing. While
 * bytes of the last turn are still waiting in this process, no turn is taken:
 * an exporter that stops reading costs the memory of one turn. An exporter
 * that reads but cannot store batches, for instance because its disk is full,
 * still gets the periodic snapshots.
 */
export class Link {
  readonly #options: LinkOptions
  readonly #log: OnceLog
  #state: LinkState = { at: 'idle' }
  /** When it last connected or disconnected. */
  #changedAtMs: number | undefined
  #snapshotDue: 'no' | 'after the ack' | 'now' = 'no'
  /** Failed attempts since the link was last stable. */
  #attempts = 0
  #onFlushed: () => void = () => undefined
  #closing: Promise<void> | undefined

  constructor(options: LinkOptions) {
    this.#options = options
    this.#log = new OnceLog(options.log)
  }

  /** Starts to connect, and to reconnect until `close`. */
  start(): void {
    if (this.#state.at === 'idle' && !this.#closing) this.#connect()
  }

  get status(): LinkStatus {
    return {
      connected: exchangeOf(this.#state) !== undefined,
      sinceMs: this.#changedAtMs,
    }
  }

  /** Call it when something is due. Cheap: plans a turn at most. */
  wake(): void {
    const exchange = exchangeOf(this.#state)
    if (exchange === undefined || exchange.nextTurn !== undefined) return
    if (this.#canSend(exchange)) this.#planTurn(exchange, 0)
  }

  /** Sends a snapshot as soon as no ack is missing. As cheap as `wake`. */
  requestSnapshot(): void {
    if (this.#snapshotDue === 'no') this.#snapshotDue = 'after the ack'
    this.wake()
  }

  /** Sends a snapshot even if an ack is missing. */
  requestSnapshotNow(): void {
    this.#snapshotDue = 'now'
    this.wake()
  }

  /**
   * Sends unacknowledged observations for up to FLUSH_TIMEOUT_MS, then
   * disconnects. Idempotent.
   */
  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  /** The only place that changes the state; the old one is left first. */
  #enter(next: LinkState): void {
    leave(this.#state, next)
    const isConnected = exchangeOf(next) !== undefined
    if (isConnected !== (exchangeOf(this.#state) !== undefined)) {
      this.#changedAtMs = this.#options.clock.epochMs()
    }
    this.#state = next
    this.#options.spool?.setExporterLive(next.at === 'live')
  }

  #connect(): void {
    const { url, token, clock } = this.#options
    try {
      const connection = new Connection({
        url,
        token,
        clock,
        events: {
          opened: opened => {
            this.#sendHello(opened)
          },
          received: frame => {
            this.#receive(frame)
          },
          drained: () => {
            this.wake()
          },
          closed: reason => {
            this.#onDisconnect(reason)
          },
        },
      })
      this.#enter({ at: 'connecting', connection })
    } catch (error) {
      // The constructor throws for a token or URL that it cannot use.
      if (!(error instanceof Error)) throw error
      this.#onDisconnect({ ...reasonOfError(error), permanent: true })
    }
  }

  #sendHello(connection: Connection): void {
    if (this.#state.at !== 'connecting') return
    const cancel = this.#options.clock.after(WELCOME_TIMEOUT_MS, () => {
      connection.terminate(reasonOfTimeout('welcome', WELCOME_TIMEOUT_MS))
    })
    this.#enter({ at: 'handshaking', connection, cancel })
    connection.send(this.#options.unacked.hello)
  }

  #receive(frame: ExporterFrame): void {
    switch (frame.kind) {
      case 'welcome':
        this.#resume(frame.seq)
        return
      case 'ack':
        this.#acknowledge(frame.seq)
        return
      default:
        frame satisfies never
    }
  }

  #resume(seq: number): void {
    const { unacked, log } = this.#options
    const state = this.#state
    if (state.at !== 'handshaking' || !Number.isSafeInteger(seq + 1)) {
      throw unexpected('welcome', seq)
    }
    const { lastSeq } = unacked
    if (lastSeq !== undefined && seq > lastSeq) {
      // At worst its state file belongs to another boot; totals correct that.
      log.warn('exporter claims batches that were never sent; resending all', {
        claimed: seq,
        sent: lastSeq,
      })
    }
    unacked.resume(seq)
    const { connection } = state
    const exchange = { connection, batch: undefined, nextTurn: undefined }
    const left = unacked.dirtySeries
    this.#enter({ at: 'catchingUp', exchange, left })
    if (unacked.isDirty) this.wake()
    else this.#goLive(exchange)
  }

  #acknowledge(seq: number): void {
    const { unacked } = this.#options
    const state = this.#state
    const exchange = exchangeOf(state)
    if (exchange?.batch?.seq !== seq) throw unexpected('ack', seq)
    const { cells } = exchange.batch
    exchange.batch = undefined
    unacked.acknowledge(seq)
    if (state.at === 'catchingUp') {
      const left = state.left - cells
      if (left > 0) this.#enter({ at: 'catchingUp', exchange, left })
      else this.#goLive(exchange)
    }
    if (unacked.isDirty || this.#snapshotDue !== 'no') this.wake()
    if (this.#isFlushed()) this.#onFlushed()
  }

  #goLive(exchange: Exchange): void {
    const cancel = this.#options.clock.after(PING_INTERVAL_MS, () => {
      this.#attempts = 0
      this.#log.forget()
    })
    this.#enter({ at: 'live', exchange, cancel })
    this.#log.once('info', 'exporter connected')
    this.requestSnapshot()
  }

  #planTurn(exchange: Exchange, ms: number): void {
    exchange.nextTurn = this.#options.clock.after(ms, () => {
      exchange.nextTurn = undefined
      this.#takeTurn(exchange)
    })
  }

  /** Whether a turn could send anything: a batch, or else a snapshot. */
  #canSend({ batch }: Exchange): boolean {
    if (batch === undefined) return true
    return this.#state.at === 'live' && this.#snapshotDue === 'now'
  }

  #takeTurn(exchange: Exchange): void {
    // If it is busy, its `drained` plans the next turn.
    if (!this.#canSend(exchange) || exchange.connection.isBusy) return
    // A snapshot announces a new stream before its observations are sent, so
    // that the exporter shows its series at zero first.
    const announced =
      this.#state.at === 'live' && this.#sendSnapshot(exchange.connection)
    const sent = this.#sendBatch(exchange)
    if (announced || sent) this.#planTurn(exchange, BATCH_INTERVAL_MS)
  }

  #sendSnapshot(connection: Connection): boolean {
    const { snapshots } = this.#options
    if (this.#snapshotDue === 'no' && !snapshots.hasUnannounced) return false
    this.#snapshotDue = 'no'
    const snapshot = snapshots.take()
    if (snapshot === undefined) return false
    connection.send(snapshot)
    return true
  }

  #sendBatch(exchange: Exchange): boolean {
    if (exchange.batch !== undefined) return false
    const { unacked, spool } = this.#options
    const batch = unacked.takeBatch()
    if (batch === undefined) return false
    exchange.batch = { seq: batch.seq, cells: batch.cells.length }
    if (spool === undefined) exchange.connection.send(batch)
    else spool.send(batch, exchange.connection)
    return true
  }

  /** The connection is over, or could not be opened. */
  #onDisconnect(reason: DisconnectReason): void {
    const state = this.#state
    if (state.at === 'closing') {
      state.ended()
      return
    }
    const { clock, random } = this.#options
    const retired = reason.closeReason === 'retired_boot'
    const permanent = reason.permanent && !(retired && this.#abandonSpooled())
    const level = permanent ? 'error' : 'warn'
    this.#log.once(level, reason.message, reason.fields)
    const { min, max } = RETRY_MS
    const backOff = Math.min(max, min * 2 ** this.#attempts)
    const ms = (permanent ? RETRY_MS.permanent : backOff) * (0.5 + random() / 2)
    this.#attempts += 1
    const cancel = clock.after(ms, () => {
      this.#connect()
    })
    const wasConnected = exchangeOf(state) !== undefined
    this.#enter({ at: 'waiting', cancel, wasConnected })
    if (this.#isFlushed()) this.#onFlushed()
  }

  /**
   * Abandons the spooled boot after the exporter has accepted a newer one: it is
   * unknown which of its totals the exporter has.
   * @returns whether there was a spooled boot
   */
  #abandonSpooled(): boolean {
    const { unacked, spool } = this.#options
    if (!unacked.abandonSpooled()) return false
    spool?.invalidate()
    this.#log.once('error', 'metrics of the previous media process are lost', {
      reason: 'the exporter has accepted a newer process since',
    })
    return true
  }

  /** Whether waiting longer cannot deliver anything more. */
  #isFlushed(): boolean {
    const state = this.#state
    if (state.at === 'idle') return true
    // If it was just connected, it may reconnect within the flush timeout.
    if (state.at === 'waiting' && !state.wasConnected) return true
    return this.#options.unacked.allAcked
  }

  async #close(): Promise<void> {
    if (!this.#isFlushed()) {
      await new Promise<void>(resolve => {
        const cancel = this.#options.clock.after(FLUSH_TIMEOUT_MS, resolve)
        this.#onFlushed = () => {
          cancel()
          resolve()
        }
      })
    }
    const connection = connectionOf(this.#state)
    if (connection !== undefined) {
      await new Promise<void>(ended => {
        this.#enter({ at: 'closing', ended })
        connection.end()
      })
    }
    this.#enter({ at: 'closed' })
  }
}

function unexpected(kind: ExporterFrame['kind'], seq: number): ProtocolError {
  return new ProtocolError(
    'out_of_order',
    `Cannot accept ${kind} of seq ${seq}: it is not expected here`,
  )
}
