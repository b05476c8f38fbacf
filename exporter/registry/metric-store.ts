/**
 * The metrics that the exporter collects.
 *
 * Owns: the ledger of counters and histograms, its file, the last snapshot.
 * Gets: hellos, batches and snapshots of the media process, from feed/.
 * Gives: the eleven families to web/, and its own counts to telemetry.ts.
 *
 * To read it: series.ts and ledger.ts (the data and its reducer), this file
 * (the order of changes), then state-file.ts (what survives a restart).
 *
 * **Why prom-client keeps the exporter's own telemetry, but not the eleven
 * families.** Their totals come from another process and survive restarts of
 * both: they are set, while a counter of prom-client can only be incremented.
 * Their series also roll over between boots, move out of `_overflow` and
 * expire. As the numbers are here, their text is written here too
 * (web/exposition.ts): prom-client formats the labels of each sample again for
 * each scrape and takes 3 to 5 times as long. Measured by
 * deploy/bench/exporter-scrape.ts over HTTP: 294 against 53 ms for 50,000 series.
 */
import {
  FAMILY_NAMES,
  familyOf,
  type Family,
  type FamilyName,
  type GaugeName,
} from '../../shared/protocol/catalogue.ts'
import type { ShownReason } from '../../shared/protocol/degraded.ts'
import {
  ProtocolError,
  type Batch,
  type Snapshot,
} from '../../shared/protocol/frames.ts'
import {
  isStreamId,
  type BootId,
  type StreamId,
} from '../../shared/protocol/ids.ts'
import {
  SERIES_RETENTION_MS,
  MAX_SNAPSHOT_AGE_MS,
} from '../../shared/protocol/limits.ts'
import type { Clock } from '../../shared/runtime/clock.ts'
import type { Limits } from '../limits.ts'
import {
  degradedSamples,
  gaugeSamples,
  runningStreams,
  type DegradedSample,
  type GaugeSample,
} from './gauges.ts'
import type { LedgerEntry } from './ledger-entry.ts'
import { allStreams, applyEntry, isShown, type Ledger } from './ledger.ts'
import type { Rejection } from './rejections.ts'
import type { ShownSeries } from './series.ts'

/** Stores entries so that they survive a crash: see StateFile. */
export interface Journal {
  keep(entry: LedgerEntry, ledger: Ledger): Promise<void>
}

/** One of the eleven families, as a scrape exposes it. */
export interface ShownFamily extends Family {
  readonly name: FamilyName
  readonly series: readonly ShownSeries[]
}

export interface MetricStoreOptions {
  readonly ledger: Ledger
  readonly clock: Clock
  readonly maxStreams: number
  readonly limits: Limits
  /** Undefined: the ledger is in memory only. */
  readonly journal: Journal | undefined
}

/**
 * Owns the ledger and the last snapshot. The ledger changes one entry at a
 * time, and each entry is in the journal before it is applied: so a crash never
 * reverts a number that a scrape has exposed.
 */
export class MetricStore {
  readonly #ledger: Ledger
  readonly #clock: Clock
  readonly #journal: Journal | undefined
  readonly #maxWaiting: number
  #snapshot: { readonly value: Snapshot; readonly atMs: number } | undefined
  #lastSnapshotEpochMs = 0
  /** Settles after every change so far. */
  #last: Promise<void> = Promise.resolve()
  #waiting = 0

  constructor(options: MetricStoreOptions) {
    const { ledger, clock, journal, maxStreams, limits } = options
    this.#ledger = ledger
    this.#clock = clock
    this.#journal = journal
    this.#maxWaiting = limits.maxWaitingChanges
    if (ledger.maxStreams !== maxStreams) {
      this.#commitInBackground({ kind: 'limit', maxStreams })
    }
  }

  /** For reading only. */
  get ledger(): Ledger {
    return this.#ledger
  }

  /** Arrival of the last snapshot, ms since 1970; 0 before the first. */
  get lastSnapshotEpochMs(): number {
    return this.#lastSnapshotEpochMs
  }

  /**
   * Accepts the hello of a boot. A new boot retires the previous one and its
   * snapshot.
   * @returns the last stored seq of the boot
   * @throws {ProtocolError} `retired_boot` if another boot has followed it
   */
  async hello(boot: BootId): Promise<number> {
    await this.#commit(() => {
      if (this.#ledger.retired.includes(boot)) {
        throw new ProtocolError(
          'retired_boot',
          `Cannot accept hello of boot ${boot}: another boot has followed it`,
        )
      }
      if (this.#ledger.boot?.id === boot) return undefined
      this.dropSnapshot()
      return { kind: 'boot', boot }
    })
    return this.#ledger.boot?.id === boot ? this.#ledger.boot.seq : 0
  }

  /**
   * Applies a batch; resolves when it is stored and exposed.
   * @param live whether a snapshot preceded it on the same connection
   * @throws {ProtocolError} if it is not the next one, or of a retired boot
   */
  batch(boot: BootId, batch: Batch, live: boolean): Promise<void> {
    return this.#commit(() => {
      const current = this.#ledger.boot
      if (current?.id !== boot) {
        throw new ProtocolError(
          'retired_boot',
          `Cannot accept batch of boot ${boot}: another boot has followed it`,
        )
      }
      if (batch.seq !== current.seq + 1) {
        throw new ProtocolError(
          'out_of_order',
          `Cannot accept batch ${batch.seq}: expected ${current.seq + 1}`,
        )
      }
      return { kind: 'batch', boot, live, batch }
    })
  }

  /** Exposes the gauges of this snapshot from now on. */
  show(snapshot: Snapshot): void {
    this.#snapshot = { value: snapshot, atMs: this.#clock.steadyMs() }
    this.#lastSnapshotEpochMs = this.#clock.epochMs()
  }

  /** Exposes no gauges until the next snapshot. */
  dropSnapshot(): void {
    this.#snapshot = undefined
  }

  /** Sets the registered streams; `ids` is the complete list. */
  register(ids: readonly StreamId[]): Promise<void> {
    return this.#commit(() => {
      const { streams } = this.#ledger
      const registered = new Set<string>(ids)
      const came = ids.filter(id => streams.get(id)?.at.kind !== 'registered')
      const gone = [...streams.values()]
        .filter(({ at, id }) => at.kind !== 'departed' && !registered.has(id))
        .map(({ id }) => id)
        .filter(isStreamId)
      if (came.length + gone.length === 0) return undefined
      return { kind: 'streams', atMs: this.#clock.epochMs(), came, gone }
    })
  }

  /** Counts a rejected frame. */
  reject(reason: Rejection): void {
    this.#commitInBackground({ kind: 'refused', reason })
  }

  /** Drops the streams removed more than SERIES_RETENTION_MS ago. */
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

  /** All eleven families of this moment, in the order of the catalogue. */
  families(): readonly ShownFamily[] {
    const streams = allStreams(this.#ledger).filter(isShown)
    const byFamily = new Map<FamilyName, ShownSeries[]>(
      FAMILY_NAMES.map(name => [name, []]),
    )
    for (const { series } of streams) {
      for (const { family, shown } of series.values()) {
        byFamily.get(family)?.push(shown)
      }
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

  /** Degraded streams by `stream_id` and reason; none if unknown. */
  degraded(): readonly DegradedSample[] {
    const snapshot = this.#freshSnapshot()
    return snapshot ? degradedSamples(snapshot, this.#ledger) : []
  }

  /** Number of streams that are asleep; undefined if unknown. */
  asleep(): number | undefined {
    return this.#freshSnapshot()?.streams.filter(({ asleep }) => asleep).length
  }

  /** Why a stream is degraded; undefined if it is not, or unknown. */
  degradedReason(id: StreamId): ShownReason | undefined {
    const streams = this.#freshSnapshot()?.streams
    return streams?.find(stream => stream.id === id)?.degraded_reason
  }

  /** Running streams with series of their own; none if unknown. */
  running(): readonly StreamId[] {
    const snapshot = this.#freshSnapshot()
    return snapshot ? runningStreams(snapshot, this.#ledger) : []
  }

  /** Whether the media process takes no new viewers; undefined if unknown. */
  draining(): boolean | undefined {
    const snapshot = this.#freshSnapshot()
    if (snapshot === undefined) return undefined
    return snapshot.draining ?? false
  }

  #gauges(): Partial<Record<GaugeName, readonly GaugeSample[]>> {
    const snapshot = this.#freshSnapshot()
    return snapshot ? gaugeSamples(snapshot, this.#ledger) : {}
  }

  #freshSnapshot(): Snapshot | undefined {
    if (this.#snapshot === undefined) return undefined
    const { value, atMs } = this.#snapshot
    const ageMs = this.#clock.steadyMs() - atMs
    return ageMs < MAX_SNAPSHOT_AGE_MS ? value : undefined
  }

  #commitInBackground(entry: LedgerEntry): void {
    // The entry is dropped if too many are waiting, or if the journal is
    // closed before it is stored.
    this.#commit(() => entry).catch(() => undefined)
  }

  /**
   * Waits for its turn, then makes the entry from the current ledger, stores it
   * and applies it.
   * @throws {RangeError} if too many changes are waiting, as while the state
   *   file cannot be written
   */
  #commit(make: () => LedgerEntry | undefined): Promise<void> {
    if (this.#waiting >= this.#maxWaiting) {
      return Promise.reject(
        new RangeError(
          `Cannot queue change: ${this.#waiting} are waiting, ` +
            `limit is ${this.#maxWaiting}`,
        ),
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
