import type { Observation } from '../../shared/protocol/catalogue.ts'
import {
  PROTOCOL,
  type Batch,
  type Cell,
  type Hello,
} from '../../shared/protocol/frames.ts'
import type { BootId } from '../../shared/protocol/ids.ts'
import { MAX_CELLS_PER_BATCH } from '../../shared/protocol/limits.ts'
import type { SeriesStore } from './series-store.ts'
import { countOf, toCell, type Series } from './series.ts'
import type { Marks, SpooledState } from './spooled-state.ts'

export interface UnackedOptions {
  readonly core: string
  /** Boot id of this process. */
  readonly boot: BootId
  /** State of the previous process; resent in full. */
  readonly spooled: SpooledState | undefined
  readonly series: SeriesStore
}

/**
 * The observations that the exporter has not acknowledged: the sending half of
 * the protocol in shared/protocol/frames.ts. Numbers batches, and tracks their
 * acks and the series that have changed since.
 */
export class Unacked {
  readonly #core: string
  readonly #ownBoot: BootId
  readonly #series: SeriesStore
  #boot: BootId
  /** Series that changed since they were last sent, longest waiting first. */
  #dirty: Series[] = []
  #observed = 0
  #lost = 0
  /** `observed` and `lost` are sent, resent and kept like a series. */
  #totalsDirty = false
  #totalsSentIn = 0
  /** Undefined: unknown here, since the previous process sent batches. */
  #lastSeq: number | undefined = 0
  #ackedSeq = 0
  /** `observed` of the last batch, and of the last one with an ack. */
  #sentObservations = 0
  #ackedObservations = 0

  constructor({ core, boot, spooled, series }: UnackedOptions) {
    this.#core = core
    this.#ownBoot = boot
    this.#series = series
    this.#boot = spooled?.boot ?? boot
    if (spooled !== undefined) this.#restore(spooled)
  }

  /** The first frame of a connection. */
  get hello(): Hello {
    const [core, boot] = [this.#core, this.#boot]
    return { kind: 'hello', protocol: PROTOCOL, core, boot }
  }

  /** Where the numbers of another process would continue. */
  get marks(): Marks {
    const ackedObservations = this.#ackedObservations
    return { nextCell: this.#series.nextNumber, ackedObservations }
  }

  /** Whether something changed since the last batch. */
  get isDirty(): boolean {
    return this.#totalsDirty || this.#dirty.length > 0
  }

  /** Number of series that changed since they were last sent. */
  get dirtySeries(): number {
    return this.#dirty.length
  }

  /** Whether a batch has no ack yet. */
  get isInFlight(): boolean {
    return this.#ackedSeq !== this.#lastSeq
  }

  /** Whether everything is acknowledged. */
  get allAcked(): boolean {
    return !this.isDirty && !this.isInFlight
  }

  /** Observations added, including the lost ones. */
  get observed(): number {
    return this.#observed
  }

  /**
   * Seq of the last batch. Undefined when a previous process sent batches, up
   * to the first `resume`.
   */
  get lastSeq(): number | undefined {
    return this.#lastSeq
  }

  /**
   * Counts one observation. Never throws: an observation that the store does
   * not count is lost.
   * @returns whether this is the first change since the last batch
   */
  add(observation: Observation): boolean {
    this.#observed += 1
    try {
      const series = this.#series.count(observation)
      if (series === undefined) this.#lost += 1
      else if (!series.dirty) this.#markDirty(series)
    } catch {
      // Callers without types may pass a value that throws when it is read.
      this.#lost += 1
    }
    if (this.#totalsDirty) return false
    this.#totalsDirty = true
    return true
  }

  /**
   * Continues after the seq of a welcome: every series sent in a later batch
   * is dirty again. That seq counts only if it lies between the last ack and
   * the last batch. Otherwise the exporter has another history, as when its
   * state file was missing for a while, and everything is sent again.
   */
  resume(seq: number): void {
    const last = this.#lastSeq ?? Infinity
    const known = seq >= this.#ackedSeq && seq <= last ? seq : 0
    this.#lastSeq = seq
    this.#ackedSeq = seq
    for (const series of this.#series) {
      if (!series.dirty && series.sentIn > known) this.#markDirty(series)
    }
    if (this.#totalsSentIn > known) this.#totalsDirty = true
  }

  /**
   * Takes the series that have waited longest as the next batch; undefined if
   * nothing is dirty, or before the first `resume` of spooled state.
   */
  takeBatch(): Batch | undefined {
    if (!this.isDirty || this.#lastSeq === undefined) return undefined
    const seq = this.#lastSeq + 1
    const taken = this.#dirty.splice(0, MAX_CELLS_PER_BATCH)
    for (const series of taken) {
      series.dirty = false
      series.sentIn = seq
    }
    this.#totalsDirty = false
    this.#totalsSentIn = seq
    this.#lastSeq = seq
    this.#sentObservations = this.#observed
    return this.#batchOf(seq, taken.map(toCell))
  }

  /** The exporter has stored the batch `seq`. */
  acknowledge(seq: number): void {
    this.#ackedSeq = seq
    this.#ackedObservations = this.#sentObservations
  }

  /** Whether the current totals of `series` are acknowledged. */
  isAcked(series: Series): boolean {
    return !series.dirty && series.sentIn <= this.#ackedSeq
  }

  /**
   * All series, dirty or not, in batches that are made one by one:
   * observations added meanwhile may be in the later ones.
   */
  *everything(): Generator<Batch> {
    let cells: Cell[] = []
    for (const series of this.#series) {
      cells.push(toCell(series))
      if (cells.length < MAX_CELLS_PER_BATCH) continue
      yield this.#batchOf(0, cells)
      cells = []
    }
    yield this.#batchOf(0, cells)
  }

  /**
   * Abandons the boot of the previous process for that of this one, without
   * any series; unacknowledged observations count as lost.
   * @returns false if it is the boot of this process already
   */
  abandonSpooled(): boolean {
    if (this.#boot === this.#ownBoot) return false
    this.#boot = this.#ownBoot
    this.#series.clear()
    this.#dirty = []
    this.#observed -= this.#ackedObservations
    this.#lost = this.#observed
    this.#sentObservations = 0
    this.#ackedObservations = 0
    this.#lastSeq = 0
    this.#ackedSeq = 0
    this.#totalsSentIn = 0
    this.#totalsDirty = this.#lost > 0
    return true
  }

  #restore({ batches, ackedObservations }: SpooledState): void {
    this.#lastSeq = undefined
    this.#ackedObservations = ackedObservations
    this.#totalsDirty = true
    const { observed = 0, lost = 0 } = batches.at(-1) ?? {}
    this.#observed = observed
    this.#lost = lost
    for (const cell of batches.flatMap(batch => batch.cells)) {
      const series = this.#series.restore(cell)
      if (series === undefined) this.#lost += countOf(cell)
      else this.#markDirty(series)
    }
  }

  #batchOf(seq: number, cells: readonly Cell[]): Batch {
    const [observed, lost] = [this.#observed, this.#lost]
    return { kind: 'batch', seq, observed, lost, cells }
  }

  #markDirty(series: Series): void {
    series.dirty = true
    this.#dirty.push(series)
  }
}
