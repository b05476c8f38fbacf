import { open, rename, rm } from 'node:fs/promises'

import type { Hello } from '../../shared/frames.ts'
import { BATCH_INTERVAL_MS, MAX_CELLS_PER_BATCH } from '../../shared/limits.ts'
import type { Log } from '../../shared/log.ts'
import { OnceLog } from '../../shared/once-log.ts'
import type { Cancel, Clock } from '../clock.ts'
import type { Cells } from './cells.ts'
import { encodeLeftover } from './leftover.ts'

/** An ack that has not come in one look or two is late. */
const LOOK_INTERVAL_MS = BATCH_INTERVAL_MS / 2
/**
 * The pause after a write, in times that it took: writing takes a tenth of the
 * time at most. Up to some 5,000 cells it stays at one per 100 ms.
 */
const PAUSE_PER_WRITE = 9

export interface SpoolOptions {
  readonly path: string
  readonly cells: Cells
  /** What the process says, or would say, to the exporter. */
  readonly hello: () => Hello
  /** Whether the exporter is there and has got what was owed. */
  readonly isLive: () => boolean
  /** Whether `path` holds what `cells` holds, as after a start. */
  readonly exists: boolean
  readonly clock: Clock
  readonly log: Log
}

/**
 * Keeps the cells in a file for as long as the exporter does not keep up, so
 * that they outlive kill -9 of this process. The next one carries on with
 * them, as the same boot: that is exact because **the exporter never has more
 * than the file, where there is one**. So a batch waits until the file has
 * what it tells, which costs nothing while all goes well: there is no file.
 *
 * Not synced: it is meant for the end of a process, not of the machine.
 */
export class Spool {
  readonly #options: SpoolOptions
  readonly #log: OnceLog
  #state: 'idle' | 'watching' | 'closed' = 'idle'
  #nextLook: Cancel | undefined
  /** Lasts as long as the file is worked on. */
  #work: Promise<unknown> = Promise.resolve()
  /** Whether there is a file, or may be. */
  #exists: boolean
  /** Observations that the file has; undefined when it may be of any age. */
  #written: number | undefined
  #seqSeen = 0

  constructor(options: SpoolOptions) {
    this.#options = options
    this.#log = new OnceLog(options.log)
    this.#exists = options.exists
    if (options.exists) this.#written = options.cells.observed
  }

  /** Starts to look whether the exporter keeps up. */
  start(): void {
    if (this.#state !== 'idle') return
    this.#state = 'watching'
    this.watch()
  }

  /** Something is owed. Cheap: it plans a look at most. */
  watch(): void {
    if (this.#state !== 'watching' || this.#nextLook !== undefined) return
    this.#plan(LOOK_INTERVAL_MS)
  }

  /** Calls `send`, at once or when the file has all that the cells have. */
  before(send: () => void): void {
    if (!this.#exists) {
      send()
      return
    }
    void this.#queue(async () => {
      // Better none than one that the exporter is ahead of.
      if (this.#exists && !(await this.#write())) await this.#remove()
    }).then(send)
  }

  /** The file is not of this boot any more. */
  outdate(): void {
    this.#written = undefined
  }

  /** Leaves a file where something is owed, and none where nothing is. */
  async close(): Promise<void> {
    const watched = this.#state === 'watching'
    this.#state = 'closed'
    this.#nextLook?.()
    if (!watched) return
    await this.#queue(() =>
      this.#options.cells.settled ? this.#remove() : this.#write(),
    )
  }

  #plan(ms: number): void {
    this.#nextLook = this.#options.clock.after(ms, () => {
      void this.#look()
    })
  }

  async #look(): Promise<void> {
    const { clock, cells } = this.#options
    const startMs = clock.steadyMs()
    const keepsUp = this.#keepsUp()
    await this.#queue(() => (keepsUp ? this.#remove() : this.#write()))
    this.#nextLook = undefined
    if (this.#state !== 'watching') return
    if (cells.settled && !this.#exists) return
    const tookMs = clock.steadyMs() - startMs
    const pauseMs = this.#exists ? BATCH_INTERVAL_MS : LOOK_INTERVAL_MS
    this.#plan(Math.max(pauseMs, PAUSE_PER_WRITE * tookMs))
  }

  /** Whether no more is under way than what one batch brings in its time. */
  #keepsUp(): boolean {
    const { cells, isLive } = this.#options
    if (cells.settled) return true
    const overdue = cells.inFlight && cells.lastSeq === this.#seqSeen
    this.#seqSeen = cells.lastSeq
    return isLive() && !overdue && cells.pending <= MAX_CELLS_PER_BATCH
  }

  /** Does one thing with the file after the other; no task may throw. */
  #queue(task: () => Promise<unknown>): Promise<unknown> {
    this.#work = this.#work.then(task)
    return this.#work
  }

  /** Replaces the file at once; tells whether it is there. */
  async #write(): Promise<boolean> {
    const { path, cells, hello } = this.#options
    const { observed } = cells
    if (this.#written === observed) return true
    const draft = `${path}.tmp`
    this.#written = undefined
    this.#exists = true
    try {
      const file = await open(draft, 'w', 0o600)
      try {
        const marks = () => ({ ...hello(), ...cells.marks })
        for (const line of encodeLeftover(cells.everything(), marks)) {
          await file.appendFile(line)
        }
      } finally {
        await file.close()
      }
      await rename(draft, path)
      this.#written = observed
      this.#log.forget()
      return true
    } catch (error) {
      this.#failed(error)
      await rm(draft, { force: true }).catch(() => undefined)
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
      this.#failed(error)
    }
  }

  #failed(error: unknown): void {
    const { path } = this.#options
    this.#log.once('error', 'what is owed cannot be kept in its file', {
      path,
      error,
    })
  }
}
