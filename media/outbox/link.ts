import {
  ProtocolError,
  type Hello,
  type SinkFrame,
  type Snapshot,
} from '../../shared/frames.ts'
import { BATCH_INTERVAL_MS, PING_INTERVAL_MS } from '../../shared/limits.ts'
import type { Log } from '../../shared/log.ts'
import { OnceLog } from '../../shared/once-log.ts'
import type { Cells } from './cells.ts'
import type { Cancel, Clock } from '../clock.ts'
import { Connection } from './connection.ts'
import { exchangeOf, type LinkState } from './link-state.ts'
import { troubleOfError, troubleOfSilence, type Trouble } from './trouble.ts'

/** Time from hello to welcome. */
const WELCOME_TIMEOUT_MS = 5_000

/** What is owed at the end may take so long to bring. */
const FLUSH_LIMIT_MS = 1_000

/**
 * Time between two attempts: doubled from the first to the last, and spread
 * over its upper half so that several do not knock at the same moment. The
 * last is short: a refused attempt costs less than a millisecond, and what
 * happens until the exporter is served again would be gone with a crash.
 */
const RETRY_MS = { first: 50, last: 500, lasting: 5_000 } as const

export interface LinkOptions {
  readonly hello: () => Hello
  readonly url: URL
  readonly token: string | undefined
  readonly cells: Cells
  /** Calls `send` when it may be sent: see Spool. */
  readonly beforeBatch: (send: () => void) => void
  /** The boot was refused as retired; whether `hello` is of another now. */
  readonly onRetired: () => boolean
  /** What is now; undefined when it cannot be told. */
  readonly snapshot: () => Snapshot | undefined
  readonly log: Log
  readonly clock: Clock
  /** From 0 to below 1; spreads the attempts. */
  readonly random: () => number
}

/**
 * Keeps a connection to the exporter and brings it what the cells owe.
 *
 * All that is sent is sent in turns, at most one per BATCH_INTERVAL_MS: a
 * snapshot where one is due, then a batch where something is owed and none
 * waits for its ack. No turn is taken while bytes wait in this process, so an
 * exporter that stops reading costs one turn's memory and no more. One that
 * reads but cannot keep batches, for want of disk, still gets the snapshots of
 * every interval.
 */
export class Link {
  readonly #options: LinkOptions
  #state: LinkState = { at: 'idle' }
  #snapshotDue: 'no' | 'after the ack' | 'now' = 'no'
  /** Set while a turn is planned: at once, or when the interval is over. */
  #nextTurn: Cancel | undefined
  /** Set while the link is live but not yet for long. */
  #steady: Cancel | undefined
  #attempts = 0
  readonly #log: OnceLog
  #flushed: () => void = () => undefined
  #closing: Promise<void> | undefined

  constructor(options: LinkOptions) {
    this.#options = options
    this.#log = new OnceLog(options.log)
  }

  /** Whether the exporter is there and has what was owed when it came. */
  get live(): boolean {
    return this.#state.at === 'live'
  }

  /** Starts to connect, for good. */
  start(): void {
    if (this.#state.at === 'idle' && !this.#closing) this.#connect()
  }

  /** Something came to be owed. Cheap: it plans a turn at most. */
  wake(): void {
    if (this.#nextTurn !== undefined) return
    if (this.#maySend()) this.#planTurn(0)
  }

  /** A snapshot is due, once no batch waits. As cheap as `wake`. */
  tell(): void {
    if (this.#snapshotDue === 'no') this.#snapshotDue = 'after the ack'
    this.wake()
  }

  /** A snapshot is due, whatever waits. */
  tellNow(): void {
    this.#snapshotDue = 'now'
    this.wake()
  }

  /**
   * Brings what is owed to an exporter that takes it within FLUSH_LIMIT_MS,
   * and ends. Idempotent.
   */
  close(): Promise<void> {
    this.#closing ??= this.#finish()
    return this.#closing
  }

  #connect(): void {
    const { url, token, clock } = this.#options
    try {
      const connection = new Connection({
        url,
        token,
        clock,
        events: {
          opened: () => {
            this.#greet(connection)
          },
          received: frame => {
            this.#receive(frame)
          },
          drained: () => {
            this.wake()
          },
          closed: trouble => {
            this.#retry(trouble)
          },
        },
      })
      this.#state = { at: 'connecting', connection }
    } catch (error) {
      // What cannot be in a header or a URL shows only here.
      if (!(error instanceof Error)) throw error
      this.#retry({ ...troubleOfError(error), lasting: true })
    }
  }

  #greet(connection: Connection): void {
    if (this.#state.at !== 'connecting') return
    const cancel = this.#options.clock.after(WELCOME_TIMEOUT_MS, () => {
      connection.cut(troubleOfSilence('welcome', WELCOME_TIMEOUT_MS))
    })
    this.#state = { at: 'greeting', connection, cancel }
    connection.send(this.#options.hello())
  }

  #receive(frame: SinkFrame): void {
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
    const { cells, log } = this.#options
    const state = this.#state
    if (state.at !== 'greeting' || !Number.isSafeInteger(seq + 1)) {
      throw unexpected('welcome', seq)
    }
    state.cancel()
    if (seq > cells.lastSeq) {
      // A state file of another life, at worst: totals put it right.
      log.warn('exporter claims batches that were never sent; resending all', {
        claimed: seq,
        sent: cells.lastSeq,
      })
    }
    cells.resume(seq)
    const { connection } = state
    const left = cells.pending
    this.#state = { at: 'replaying', connection, batch: undefined, left }
    if (cells.owes) this.wake()
    else this.#goLive(connection)
  }

  #acknowledge(seq: number): void {
    const { cells } = this.#options
    const state = this.#state
    const exchange = exchangeOf(state)
    if (exchange?.batch?.seq !== seq) throw unexpected('ack', seq)
    const { connection, batch } = exchange
    cells.acknowledge(seq)
    const left = state.at === 'replaying' ? state.left - batch.cells : 0
    if (state.at === 'live') {
      this.#state = { at: 'live', connection, batch: undefined }
    } else if (left > 0) {
      this.#state = { at: 'replaying', connection, batch: undefined, left }
    } else this.#goLive(connection)
    if (cells.owes || this.#snapshotDue !== 'no') this.wake()
    if (this.#isFlushed()) this.#flushed()
  }

  #goLive(connection: Connection): void {
    this.#state = { at: 'live', connection, batch: undefined }
    this.#log.once('info', 'exporter connected')
    this.#steady = this.#options.clock.after(PING_INTERVAL_MS, () => {
      this.#attempts = 0
      this.#log.forget()
    })
    this.tell()
  }

  #planTurn(ms: number): void {
    this.#nextTurn = this.#options.clock.after(ms, () => {
      this.#nextTurn = undefined
      this.#takeTurn()
    })
  }

  /** Whether a turn could bring anything: a batch, or else a snapshot. */
  #maySend(): boolean {
    const state = this.#state
    const exchange = exchangeOf(state)
    if (exchange === undefined) return false
    const acked = exchange.batch === undefined
    return acked || (state.at === 'live' && this.#snapshotDue === 'now')
  }

  #takeTurn(): void {
    const state = this.#state
    const exchange = exchangeOf(state)
    if (exchange === undefined || !this.#maySend()) return
    const { connection } = exchange
    // Its `drained` brings the next turn.
    if (connection.busy) return
    // A new stream is told before its observations are: then its series are
    // seen at zero first.
    const told = state.at === 'live' && this.#sendSnapshot(connection)
    const sent = this.#sendBatch(connection)
    if (told || sent) this.#planTurn(BATCH_INTERVAL_MS)
  }

  #sendSnapshot(connection: Connection): boolean {
    if (this.#snapshotDue === 'no') return false
    this.#snapshotDue = 'no'
    const snapshot = this.#options.snapshot()
    if (snapshot === undefined) return false
    connection.send(snapshot)
    return true
  }

  #sendBatch(connection: Connection): boolean {
    const state = this.#state
    if (state.at !== 'live' && state.at !== 'replaying') return false
    if (state.batch !== undefined) return false
    const batch = this.#options.cells.takeBatch()
    if (batch === undefined) return false
    const { seq, cells } = batch
    this.#state = { ...state, batch: { seq, cells: cells.length } }
    this.#options.beforeBatch(() => {
      connection.send(batch)
    })
    return true
  }

  /** The connection is over, or there was none. */
  #retry(trouble: Trouble): void {
    const state = this.#state
    this.#release()
    if (state.at === 'closing') {
      state.ended()
      return
    }
    const { clock, random, onRetired } = this.#options
    const renewed = trouble.refusal === 'retired_boot' && onRetired()
    const isLasting = trouble.lasting && !renewed
    const level = isLasting ? 'error' : 'warn'
    this.#log.once(level, trouble.message, trouble.fields)
    const { first, last, lasting } = RETRY_MS
    const most = Math.min(last, first * 2 ** this.#attempts)
    const ms = (isLasting ? lasting : most) * (0.5 + random() / 2)
    this.#attempts += 1
    const cancel = clock.after(ms, () => {
      this.#connect()
    })
    const lost = exchangeOf(state) !== undefined
    this.#state = { at: 'waiting', cancel, lost }
    if (this.#isFlushed()) this.#flushed()
  }

  /** Gives up the timers of the state that is being left. */
  #release(): void {
    const state = this.#state
    if (state.at === 'waiting' || state.at === 'greeting') state.cancel()
    this.#nextTurn?.()
    this.#nextTurn = undefined
    this.#steady?.()
    this.#steady = undefined
  }

  /** Whether waiting any longer would bring nothing more to the exporter. */
  #isFlushed(): boolean {
    const state = this.#state
    if (state.at === 'idle') return true
    // Who was there a moment ago may be back within the limit.
    if (state.at === 'waiting' && !state.lost) return true
    return this.#options.cells.settled
  }

  async #finish(): Promise<void> {
    if (!this.#isFlushed()) {
      await new Promise<void>(resolve => {
        const cancel = this.#options.clock.after(FLUSH_LIMIT_MS, resolve)
        this.#flushed = () => {
          cancel()
          resolve()
        }
      })
    }
    const state = this.#state
    this.#release()
    if ('connection' in state) {
      await new Promise<void>(resolve => {
        this.#state = { at: 'closing', ended: resolve }
        state.connection.end()
      })
    }
    this.#state = { at: 'closed' }
  }
}

function unexpected(kind: SinkFrame['kind'], seq: number): ProtocolError {
  return new ProtocolError(
    'out_of_order',
    `Cannot take ${kind} of seq ${seq}: it was not waited for`,
  )
}
