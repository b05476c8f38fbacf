import {
  FAMILY_NAMES,
  familyOf,
  isLabelValue,
  isObservedName,
  type LabelName,
  type Observation,
  type ObservedName,
} from '../../shared/catalogue.ts'
import type { Batch, Cell } from '../../shared/frames.ts'
import { isStreamId, UNKNOWN_STREAM, type StreamId } from '../../shared/ids.ts'
import {
  MAX_CELLS,
  MAX_CELLS_PER_BATCH,
  SERIES_RETENTION_MS,
} from '../../shared/limits.ts'
import type { Leftover, Marks } from './leftover.ts'
import { SeriesTree } from './series-tree.ts'
import {
  countOf,
  createTotals,
  setTotals,
  toWire,
  type Totals,
} from './totals.ts'

/** Labels as a caller gives them; without types they may be anything. */
type GivenLabels = Readonly<Partial<Record<LabelName, unknown>>>

interface FamilyCells {
  readonly name: ObservedName
  readonly labels: readonly LabelName[]
  readonly bounds: readonly number[] | undefined
  readonly cells: SeriesTree<Totals>
}

/**
 * The totals of every series that was observed, and which of them the
 * exporter does not have yet. Its size is bounded by the number of series,
 * whatever the number of observations and however long the exporter is away.
 */
export class Cells {
  readonly #families: ReadonlyMap<unknown, FamilyCells>
  readonly #cells = new Set<Totals>()
  readonly #limit: number
  readonly #onOwed: () => void
  readonly #onNewStream: () => void
  /** Cells that changed since they were last sent, longest waiting first. */
  #pending: Totals[] = []
  #nextNumber = 1
  #observed = 0
  #lost = 0
  /** `observed` and `lost` are sent, resent and kept like a cell. */
  #totalsPending = false
  #totalsSentIn = 0
  #lastSeq = 0
  #ackedSeq = 0
  /** `observed` of the last batch, and of the last that was acknowledged. */
  #sentObservations = 0
  #ackedObservations = 0
  /** Streams that the last snapshot told, and since when others are gone. */
  #present: ReadonlySet<string> = new Set()
  #goneSinceMs = new Map<string, number>()
  /** Streams with new cells that no snapshot has told of. */
  readonly #untold = new Set<StreamId>()

  /**
   * @param options.onOwed called by `add` when something came to be owed
   * after a batch was taken; must be cheap
   * @param options.onNewStream called by `add` for a series of a stream that
   * was not in the last snapshot
   * @param options.limit most cells; observations beyond are lost
   * @param options.leftover cells to carry on with: all of them are owed
   */
  constructor(options: {
    readonly onOwed: () => void
    readonly onNewStream: () => void
    readonly limit?: number
    readonly leftover?: Leftover | undefined
  }) {
    this.#onOwed = options.onOwed
    this.#onNewStream = options.onNewStream
    this.#limit = options.limit ?? MAX_CELLS
    this.#families = new Map(
      FAMILY_NAMES.filter(isObservedName).map(name => [
        name,
        familyCells(name),
      ]),
    )
    if (options.leftover !== undefined) this.#carryOn(options.leftover)
  }

  /** Whether something changed that no batch has carried. */
  get owes(): boolean {
    return this.#totalsPending || this.#pending.length > 0
  }

  /** Whether the exporter has everything. */
  get settled(): boolean {
    return !this.owes && this.#ackedSeq === this.#lastSeq
  }

  /** Whether a batch is without its ack. */
  get inFlight(): boolean {
    return this.#ackedSeq !== this.#lastSeq
  }

  /** Observations that were added, with the lost ones. */
  get observed(): number {
    return this.#observed
  }

  /** Where another process would go on. */
  get marks(): Marks {
    const ackedObservations = this.#ackedObservations
    return { nextCell: this.#nextNumber, ackedObservations }
  }

  /** How many cells changed that no batch has carried. */
  get pending(): number {
    return this.#pending.length
  }

  /** No batch was given a higher seq; Infinity where that is not known. */
  get lastSeq(): number {
    return this.#lastSeq
  }

  /**
   * Counts one observation. Never throws and reads no clock: what is not an
   * observation of the catalogue is counted as lost, so is what would need a
   * cell beyond the limit.
   */
  add(observation: Observation): void {
    this.#observed += 1
    try {
      if (!this.#count(observation)) this.#lost += 1
    } catch {
      // Callers without types may pass anything, even what throws when read.
      this.#lost += 1
    }
    if (this.#totalsPending) return
    this.#totalsPending = true
    this.#onOwed()
  }

  /**
   * Takes the exporter's word that it has all up to `seq` and nothing after:
   * every cell that was sent later is owed again. A seq that was never given
   * to a batch vouches for nothing, nor does one below what was acknowledged:
   * that exporter is not the one that we spoke to last, and its seq may be of
   * a count that began anew since. Then everything is owed.
   */
  resume(seq: number): void {
    const vouches = seq >= this.#ackedSeq && seq <= this.#lastSeq
    const known = vouches ? seq : 0
    this.#lastSeq = seq
    this.#ackedSeq = seq
    for (const cell of this.#cells) {
      if (!cell.pending && cell.sentIn > known) this.#markPending(cell)
    }
    if (this.#totalsSentIn > known) this.#totalsPending = true
  }

  /**
   * Takes what has waited longest, as the batch that follows the last one;
   * undefined when nothing is owed.
   */
  takeBatch(): Batch | undefined {
    if (!this.owes) return undefined
    const seq = this.#lastSeq + 1
    const taken = this.#pending.splice(0, MAX_CELLS_PER_BATCH)
    for (const cell of taken) {
      cell.pending = false
      cell.sentIn = seq
    }
    this.#totalsPending = false
    this.#totalsSentIn = seq
    this.#lastSeq = seq
    this.#sentObservations = this.#observed
    return {
      kind: 'batch',
      seq,
      observed: this.#observed,
      lost: this.#lost,
      cells: taken.map(toWire),
    }
  }

  /** The exporter has kept the batch `seq`. */
  acknowledge(seq: number): void {
    this.#ackedSeq = seq
    this.#ackedObservations = this.#sentObservations
  }

  /**
   * All cells, changed or not, in batches that are made one by one: what is
   * added meanwhile may be in the next.
   */
  *everything(): Generator<Batch> {
    let cells: Cell[] = []
    const batch = (): Batch => {
      const observed = this.#observed
      return { kind: 'batch', seq: 0, observed, lost: this.#lost, cells }
    }
    for (const cell of this.#cells) {
      cells.push(toWire(cell))
      if (cells.length < MAX_CELLS_PER_BATCH) continue
      yield batch()
      cells = []
    }
    yield batch()
  }

  /** Begins anew, for a boot without cells: what is owed counts as lost. */
  abandon(): void {
    for (const cell of this.#cells) this.#drop(cell)
    this.#pending = []
    this.#observed -= this.#ackedObservations
    this.#lost = this.#observed
    this.#sentObservations = 0
    this.#ackedObservations = 0
    this.#lastSeq = 0
    this.#ackedSeq = 0
    this.#totalsSentIn = 0
    this.#totalsPending = this.#lost > 0
  }

  /**
   * Takes the ids of all registered streams. Cells of a stream that has been
   * gone for SERIES_RETENTION_MS are dropped when the exporter has them: it
   * drops their series too, and the stream starts anew should it come back.
   */
  retire(present: ReadonlySet<string>, nowMs: number): void {
    const gone = new Map<string, number>()
    for (const cell of this.#cells) {
      const id = cell.streamId
      const sinceMs = this.#goneSinceMs.get(id)
      const expired =
        sinceMs !== undefined && nowMs - sinceMs >= SERIES_RETENTION_MS
      const kept = !cell.pending && cell.sentIn <= this.#ackedSeq
      if (expired && kept) this.#drop(cell)
      else if (id !== UNKNOWN_STREAM && !present.has(id)) {
        gone.set(id, sinceMs ?? nowMs)
      }
    }
    this.#goneSinceMs = gone
    this.#present = present
  }

  /**
   * Takes the streams that came and went between two snapshots and left cells
   * behind: they have to be told of once, or the cells would be refused.
   */
  takeUntold(): readonly StreamId[] {
    const untold = [...this.#untold].filter(id => !this.#present.has(id))
    this.#untold.clear()
    return untold
  }

  #count(observation: Observation): boolean {
    const family = this.#families.get(observation.family)
    if (family === undefined) return false
    if (family.bounds === undefined) {
      const cell = this.#find(family, observation.labels)
      if (cell === undefined) return false
      this.#touch(cell)
      return true
    }
    const value = 'value' in observation ? observation.value : undefined
    if (!isDuration(value)) return false
    const cell = this.#find(family, observation.labels)
    // A sum must stay finite, or it could not be written as JSON.
    if (cell?.buckets === undefined || cell.sum + value === Infinity) {
      return false
    }
    const bucket = bucketOf(family.bounds, value)
    cell.buckets[bucket] = (cell.buckets[bucket] ?? 0) + 1
    cell.sum += value
    this.#touch(cell)
    return true
  }

  #find(family: FamilyCells, labels: GivenLabels): Totals | undefined {
    const known = family.cells.find(labels)
    if (known !== undefined) return known
    const made = this.#make(family, labels, this.#nextNumber)
    if (made === undefined) return undefined
    this.#nextNumber += 1
    this.#meet(made.streamId)
    return made
  }

  #make(
    family: FamilyCells,
    given: GivenLabels,
    number: number,
  ): Totals | undefined {
    if (this.#cells.size >= this.#limit) return undefined
    const labels: string[] = []
    for (const label of family.labels) {
      const value = given[label]
      if (!isAllowed(label, value)) return undefined
      labels.push(value)
    }
    const cell = createTotals(number, family.name, labels)
    this.#cells.add(cell)
    family.cells.put(labels, cell)
    return cell
  }

  #carryOn({ batches, nextCell, ackedObservations }: Leftover): void {
    this.#nextNumber = nextCell
    // How far the process before came, only the exporter knows.
    this.#lastSeq = Infinity
    this.#ackedObservations = ackedObservations
    this.#totalsPending = true
    const { observed = 0, lost = 0 } = batches.at(-1) ?? {}
    this.#observed = observed
    this.#lost = lost
    for (const cell of batches.flatMap(batch => batch.cells)) {
      // Another version's catalogue may have had it.
      if (!this.#revive(cell)) this.#lost += countOf(cell)
    }
  }

  /** Its stream needs no telling: it is owed before the first snapshot. */
  #revive(wire: Cell): boolean {
    const family = this.#families.get(wire.family)
    if (family === undefined || wire.cell >= this.#nextNumber) return false
    const given = Object.fromEntries(
      family.labels.map((label, i) => [label, wire.labels[i]]),
    )
    if (family.cells.find(given) !== undefined) return false
    const cell = this.#make(family, given, wire.cell)
    if (cell === undefined) return false
    if (!setTotals(cell, wire)) {
      this.#drop(cell)
      return false
    }
    this.#markPending(cell)
    return true
  }

  #meet(id: string): void {
    if (!isStreamId(id) || this.#present.has(id)) return
    this.#untold.add(id)
    this.#onNewStream()
  }

  #touch(cell: Totals): void {
    cell.count += 1
    if (!cell.pending) this.#markPending(cell)
  }

  #markPending(cell: Totals): void {
    cell.pending = true
    this.#pending.push(cell)
  }

  #drop(cell: Totals): void {
    this.#cells.delete(cell)
    this.#families.get(cell.family)?.cells.drop(cell.labels)
  }
}

function familyCells(name: ObservedName): FamilyCells {
  const { labels, buckets } = familyOf(name)
  return { name, labels, bounds: buckets, cells: new SeriesTree(labels) }
}

function isDuration(value: unknown): value is number {
  return typeof value === 'number' && value >= 0 && value < Infinity
}

function isAllowed(label: LabelName, value: unknown): value is string {
  if (typeof value !== 'string') return false
  if (label !== 'stream_id') return isLabelValue(label, value)
  return isStreamId(value) || value === UNKNOWN_STREAM
}

function bucketOf(bounds: readonly number[], value: number): number {
  let bucket = 0
  for (const bound of bounds) {
    if (value <= bound) return bucket
    bucket += 1
  }
  return bucket
}
