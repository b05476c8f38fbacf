import { rm } from 'node:fs/promises'

import type { Batch } from '../../shared/protocol/frames.ts'
import {
  BATCH_INTERVAL_MS,
  MAX_CELLS_PER_BATCH,
} from '../../shared/protocol/limits.ts'
import { writeAtomically } from '../../shared/runtime/files.ts'
import type { Log } from '../../shared/runtime/log.ts'
import { OnceLog } from '../../shared/runtime/once-log.ts'
import type { Cancel, Clock } from '../../shared/runtime/clock.ts'
import type { Connection } from './connection.ts'
import { encodeSpooledState } from './spooled-state.ts'
import type { Unacked } from './unacked.ts'

/** An ack that is missing at two checks in a row is overdue. */
const CHECK_INTERVAL_MS = BATCH_INTERVAL_MS / 2
/**
 * Pause after a write, as a multiple of its duration, so that writing takes at
 * most a tenth of the time. Up to about 5,000 series are still written every
 * 100 ms.
 */
const PAUSE_PER_WRITE = 9

export interface SpoolOptions {
  readonly path: string
  readonly unacked: Unacked
  /** Whether `path` holds what `unacked` holds, as after a start. */
  readonly exists: boolean
  readonly clock: Clock
  readonly log: Log
}

/**
 * Keeps all totals in a file while the exporter does not keep up, so that they
 * survive kill -9 of this process. The next process resumes with them as the
 * same boot. That is exact because **the exporter is never ahead of the file,
 * if there is a file**: a batch is sent only once the file has its totals. In
 * normal operation this costs nothing, because there is no file.
 *
 * Not synced to disk: it protects against the end of the process, not of the
 * machine.
 */
export class Spool {
  readonly #options: SpoolOptions
  readonly #log: OnceLog
  #state: 'idle' | 'watching' | 'closed' = 'idle'
  #nextCheck: Cancel | undefined
  #exporterLive = false
  /** Settles when the file is not being worked on. */
  #work: Promise<unknown> = Promise.resolve()
  /** Whether there may be a file. */
  #exists: boolean
  /** Observations in the file; undefined if its age is unknown. */
  #written: number | undefined
  #seqSeen: number | undefined = 0

  constructor(options: SpoolOptions) {
    this.#options = options
    this.#log = new OnceLog(options.log)
    this.#exists = options.exists
    if (options.exists) this.#written = options.unacked.observed
  }

  /** Starts to check whether the exporter keeps up. */
  start(): void {
    if (this.#state !== 'idle') return
    this.#state = 'watching'
    this.watch()
  }

  /** Call it when something becomes dirty. Cheap: plans a check at most. */
  watch(): void {
    if (this.#state !== 'watching' || this.#nextCheck !== undefined) return
    this.#planCheck(CHECK_INTERVAL_MS)
  }

  /** Whether the exporter is connected and has caught up. */
  setExporterLive(live: boolean): void {
    this.#exporterLive = live
  }

  /** Sends a batch at once, or if there is a file, after writing the file. */
  send(batch: Batch, connection: Connection): void {
    if (!this.#exists) {
      connection.send(batch)
      return
    }
    void this.#enqueue(async () => {
      // Rather no file than one that the exporter is ahead of.
      if (this.#exists && !(await this.#write())) await this.#remove()
    }).then(() => {
      connection.send(batch)
    })
  }

  /** Marks the file as outdated, because its boot was abandoned. */
  invalidate(): void {
    this.#written = undefined
  }

  /** Leaves a file if anything is unacknowledged, and none otherwise. */
  async close(): Promise<void> {
    const watched = this.#state === 'watching'
    this.#state = 'closed'
    this.#nextCheck?.()
    if (!watched) return
    await this.#enqueue(() =>
      this.#options.unacked.allAcked ? this.#remove() : this.#write(),
    )
  }

  #planCheck(ms: number): void {
    this.#nextCheck = this.#options.clock.after(ms, () => {
      void this.#check()
    })
  }

  async #check(): Promise<void> {
    const { clock, unacked } = this.#options
    const startMs = clock.steadyMs()
    const keepsUp = this.#exporterKeepsUp()
    await this.#enqueue(() => (keepsUp ? this.#remove() : this.#write()))
    this.#nextCheck = undefined
    if (this.#state !== 'watching') return
    if (unacked.allAcked && !this.#exists) return
    const tookMs = clock.steadyMs() - startMs
    const pauseMs = this.#exists ? BATCH_INTERVAL_MS : CHECK_INTERVAL_MS
    this.#planCheck(Math.max(pauseMs, PAUSE_PER_WRITE * tookMs))
  }

  /** Whether one batch, sent in time, covers everything unacknowledged. */
  #exporterKeepsUp(): boolean {
    const { unacked } = this.#options
    if (unacked.allAcked) return true
    const overdue = unacked.isInFlight && unacked.lastSeq === this.#seqSeen
    this.#seqSeen = unacked.lastSeq
    const fitsOneBatch = unacked.dirtySeries <= MAX_CELLS_PER_BATCH
    return this.#exporterLive && !overdue && fitsOneBatch
  }

  /** Runs tasks on the file one after another; no task may throw. */
  #enqueue(task: () => Promise<unknown>): Promise<unknown> {
    this.#work = this.#work.then(task)
    return this.#work
  }

  /** Replaces the file atomically; returns whether the new one is in place. */
  async #write(): Promise<boolean> {
    const { path, unacked } = this.#options
    const { observed } = unacked
    if (this.#written === observed) return true
    this.#written = undefined
    this.#exists = true
    try {
      const marks = () => ({ ...unacked.hello, ...unacked.marks })
      const lines = encodeSpooledState(unacked.everything(), marks)
      await writeAtomically(path, lines, { synced: false })
      this.#written = observed
      this.#log.forget()
      return true
    } catch (error) {
      this.#logFailure(error)
      return false
    }
  }

  async #remove(): Promise<void> {
    if (!this.#exists) return
    this.#written = undefined
    try {
      await rm(this.#options.path, { force: true })
      this.#exists = false
    } catch (error) {
      this.#logFailure(error)
    }
  }

  #logFailure(error: unknown): void {
    const { path } = this.#options
    this.#log.once('error', 'cannot write unacknowledged metrics to the file', {
      path,
      error,
    })
  }
}
