import {
  FAMILY_NAMES,
  familyOf,
  type Family,
  type FamilyName,
  type GaugeName,
} from '../../shared/catalogue.ts'
import {
  ProtocolError,
  type Batch,
  type Snapshot,
} from '../../shared/frames.ts'
import { isStreamId, type BootId, type StreamId } from '../../shared/ids.ts'
import {
  SERIES_RETENTION_MS,
  SNAPSHOT_MAX_AGE_MS,
} from '../../shared/limits.ts'
import type { Clock } from '../clock.ts'
import type { Entry } from './entry.ts'
import {
  degradedSamples,
  gaugeSamples,
  type DegradedSample,
  type GaugeSample,
} from './gauges.ts'
import { allStreams, applyEntry, isShown, type Ledger } from './ledger.ts'
import type { Refusal } from './refusals.ts'

/** Most changes that may wait while the journal cannot be written. */
const MAX_WAITING = 1_000

/** Keeps entries where a crash cannot reach them: see StateFile. */
export interface Journal {
  keep(entry: Entry, ledger: Ledger): Promise<void>
}

/** One series or sample: its labels as written, and its numbers. */
export interface ShownSeries {
  readonly text: string
  readonly values: readonly number[]
}

/** One of the eleven families as a scrape shows it. */
export interface ShownFamily extends Family {
  readonly name: FamilyName
  readonly series: readonly ShownSeries[]
}

export interface RegistryOptions {
  readonly ledger: Ledger
  readonly clock: Clock
  readonly maxStreams: number
  /** None: what is applied is in memory only. */
  readonly journal?: Journal
}

/**
 * Owner of the ledger and of the last snapshot. Changes of the ledger happen
 * one after the other, each kept before it is applied: so a scrape never
 * shows what a crash could take back.
 */
export class Registry {
  readonly #ledger: Ledger
  readonly #clock: Clock
  readonly #journal: Journal | undefined
  #snapshot: { readonly value: Snapshot; readonly atMs: number } | undefined
  #lastSnapshotEpochMs = 0
  #last: Promise<void> = Promise.resolve()
  #waiting = 0

  constructor({ ledger, clock, journal, maxStreams }: RegistryOptions) {
    this.#ledger = ledger
    this.#clock = clock
    this.#journal = journal
    if (ledger.maxStreams !== maxStreams) {
      this.#inBackground({ kind: 'limit', maxStreams })
    }
  }

  /** What it knows; not to be changed by others. */
  get ledger(): Ledger {
    return this.#ledger
  }

  /** When the last snapshot came, ms since 1970; 0 for none so far. */
  get lastSnapshotEpochMs(): number {
    return this.#lastSnapshotEpochMs
  }

  /**
   * Takes the hello of a boot and gives the last seq kept of it. A new boot
   * ends the one before, whose snapshot is not shown any more.
   * @throws {ProtocolError} `retired_boot` when another boot has followed
   */
  async hello(boot: BootId): Promise<number> {
    await this.#commit(() => {
      if (this.#ledger.retired.includes(boot)) {
        throw new ProtocolError(
          'retired_boot',
          `Cannot take hello of boot ${boot}: another boot has followed it`,
        )
      }
      if (this.#ledger.boot?.id === boot) return undefined
      this.dropSnapshot()
      return { kind: 'boot', boot }
    })
    return this.#ledger.boot?.id === boot ? this.#ledger.boot.seq : 0
  }

  /**
   * Applies a batch; resolves when it is kept and shown.
   * @param live whether a snapshot came before it on the same connection
   * @throws {ProtocolError} when it is not the next one, or of a former boot
   */
  batch(boot: BootId, batch: Batch, live: boolean): Promise<void> {
    return this.#commit(() => {
      const current = this.#ledger.boot
      if (current?.id !== boot) {
        throw new ProtocolError(
          'retired_boot',
          `Cannot take batch of boot ${boot}: another boot has followed it`,
        )
      }
      if (batch.seq !== current.seq + 1) {
        throw new ProtocolError(
          'out_of_order',
          `Cannot take batch ${batch.seq}: expected ${current.seq + 1}`,
        )
      }
      return { kind: 'batch', boot, live, batch }
    })
  }

  /** Shows the gauges of this snapshot from now on. */
  show(snapshot: Snapshot): void {
    this.#snapshot = { value: snapshot, atMs: this.#clock.steadyMs() }
    this.#lastSnapshotEpochMs = this.#clock.epochMs()
  }

  /** Shows no gauges until the next snapshot. */
  dropSnapshot(): void {
    this.#snapshot = undefined
  }

  /** Takes `ids` as the registered streams, all of them. */
  register(ids: readonly StreamId[]): Promise<void> {
    return this.#commit(() => {
      const { streams } = this.#ledger
      const wanted = new Set<string>(ids)
      const came = ids.filter(id => streams.get(id)?.at.kind !== 'registered')
      const gone = [...streams.values()]
        .filter(({ at, id }) => at.kind !== 'departed' && !wanted.has(id))
        .map(({ id }) => id)
        .filter(isStreamId)
      if (came.length + gone.length === 0) return undefined
      return { kind: 'streams', atMs: this.#clock.epochMs(), came, gone }
    })
  }

  /** Counts a frame that was refused. */
  refuse(reason: Refusal): void {
    this.#inBackground({ kind: 'refused', reason })
  }

  /** Forgets the streams that were removed for longer than is kept. */
  expire(): Promise<void> {
    return this.#commit(() => {
      const limitMs = this.#clock.epochMs() - SERIES_RETENTION_MS
      const streams = [...this.#ledger.streams.values()]
        .filter(({ at }) => at.kind === 'departed' && at.sinceMs <= limitMs)
        .map(({ id }) => id)
        .filter(isStreamId)
      return streams.length === 0 ? undefined : { kind: 'expired', streams }
    })
  }

  /** The eleven families, all of them, in the order of the catalogue. */
  families(): readonly ShownFamily[] {
    const shown = allStreams(this.#ledger).filter(isShown)
    const byFamily = new Map<FamilyName, ShownSeries[]>(
      FAMILY_NAMES.map(name => [name, []]),
    )
    for (const { series } of shown) {
      for (const one of series.values()) byFamily.get(one.family)?.push(one)
    }
    const gauges: Readonly<
      Partial<Record<FamilyName, readonly GaugeSample[]>>
    > = this.#gauges()
    return FAMILY_NAMES.map(name => ({
      ...familyOf(name),
      name,
      series: gauges[name] ?? byFamily.get(name) ?? [],
    }))
  }

  /** The degraded streams, by `stream_id` and reason; none when not known. */
  degraded(): readonly DegradedSample[] {
    const snapshot = this.#freshSnapshot()
    return snapshot ? degradedSamples(snapshot, this.#ledger) : []
  }

  #gauges(): Partial<Record<GaugeName, readonly GaugeSample[]>> {
    const snapshot = this.#freshSnapshot()
    return snapshot ? gaugeSamples(snapshot, this.#ledger) : {}
  }

  #freshSnapshot(): Snapshot | undefined {
    if (this.#snapshot === undefined) return undefined
    const { value, atMs } = this.#snapshot
    const ageMs = this.#clock.steadyMs() - atMs
    return ageMs < SNAPSHOT_MAX_AGE_MS ? value : undefined
  }

  /** Resolves when all that was asked for before has been done or refused. */
  async settled(): Promise<void> {
    await this.#last
  }

  #inBackground(entry: Entry): void {
    // It fails only when the journal is closed before it is kept.
    this.#commit(() => entry).catch(() => undefined)
  }

  /**
   * Waits for its turn, makes the entry against the ledger as it then is,
   * keeps it and applies it.
   */
  #commit(make: () => Entry | undefined): Promise<void> {
    if (this.#waiting >= MAX_WAITING) {
      return Promise.reject(
        new RangeError(`Cannot wait: limit is ${MAX_WAITING} changes`),
      )
    }
    this.#waiting++
    const turn = this.#last.then(async () => {
      const entry = make()
      if (entry === undefined) return
      await this.#journal?.keep(entry, this.#ledger)
      applyEntry(this.#ledger, entry)
    })
    this.#last = turn
      .catch(() => undefined)
      .then(() => {
        this.#waiting--
      })
    return turn
  }
}
