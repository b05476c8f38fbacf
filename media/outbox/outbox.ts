/**
 * The media process's end of the metrics link.
 *
 * Owns: totals per series, which of them are acknowledged, the WebSocket, the
 * spool file.
 * Gets: observations by `report`, the current state by `view`.
 * Gives: batches and snapshots to the exporter: see shared/protocol/frames.ts.
 *
 * Calls go one way: Outbox -> Link -> Snapshots and Spool -> Unacked ->
 * SeriesStore. To read it, start with series-store.ts, then unacked.ts, then
 * link-state.ts and link.ts; the spool is for kill -9 only.
 */
import type { Report } from '../../shared/protocol/catalogue.ts'
import type { BootId } from '../../shared/protocol/ids.ts'
import {
  MAX_CELLS,
  SNAPSHOT_INTERVAL_MS,
} from '../../shared/protocol/limits.ts'
import type { Log } from '../../shared/runtime/log.ts'
import type { Cancel, Clock } from '../../shared/runtime/clock.ts'
import { Link, type LinkStatus } from './link.ts'
import { SeriesStore } from './series-store.ts'
import { Snapshots, type View } from './snapshots.ts'
import { Spool } from './spool.ts'
import type { SpooledState } from './spooled-state.ts'
import { Unacked } from './unacked.ts'

export interface OutboxOptions {
  /** CORE_ID; the exporter rejects a value other than its own. */
  readonly core: string
  /** This run of the process; replaces the boot of `spooled`. */
  readonly boot: BootId
  /** State left by the previous process: see readSpooledState. */
  readonly spooled?: SpooledState | undefined
  /**
   * File for the totals while the exporter does not keep up. Without it, kill
   * -9 loses unacknowledged observations.
   */
  readonly spoolPath?: string
  /** The exporter's ingest address, ws: or wss:. */
  readonly url: URL
  /** Shared secret, sent as a bearer token. */
  readonly token?: string | undefined
  /** Every registered stream, and the port pool. Called often: must be cheap. */
  readonly view: () => View
  readonly log: Log
  readonly clock: Clock
  /** Returns a number from 0 to below 1, for the jitter of reconnects. */
  readonly random: () => number
}

/**
 * Collects observations and delivers them to the exporter. While the exporter
 * is unreachable they merge into totals per series: memory is bounded by the
 * number of series, and nothing is lost.
 */
export class Outbox {
  /**
   * Counts one observation: a few map look-ups, in any state of the exporter.
   * Never throws; an observation outside the catalogue is counted as lost.
   */
  readonly report: Report

  readonly #clock: Clock
  readonly #snapshots: Snapshots
  readonly #link: Link
  readonly #spool: Spool | undefined
  #tick: Cancel | undefined

  constructor(options: OutboxOptions) {
    const { core, boot, spooled, spoolPath, url, token, view } = options
    const { log, clock, random } = options
    const nextNumber = spooled?.nextCell ?? 1
    const series = new SeriesStore({ maxSeries: MAX_CELLS, nextNumber })
    const unacked = new Unacked({ core, boot, spooled, series })
    const snapshots = new Snapshots({ view, series, unacked, clock, log })
    const exists = spooled !== undefined
    const spool =
      spoolPath === undefined
        ? undefined
        : new Spool({ path: spoolPath, unacked, exists, clock, log })
    const link = new Link({
      url,
      token,
      unacked,
      snapshots,
      spool,
      log,
      clock,
      random,
    })
    this.#clock = clock
    this.#snapshots = snapshots
    this.#spool = spool
    this.#link = link
    this.report = observation => {
      if (!unacked.add(observation)) return
      link.wake()
      spool?.watch()
    }
  }

  /**
   * Requests a snapshot after a stream or viewer was added or removed; many
   * calls share one snapshot. Call it in the same tick as the change, so that a
   * new stream is announced before its first observation.
   */
  changed(): void {
    this.#link.requestSnapshot()
  }

  /** Whether the exporter is connected. */
  get link(): LinkStatus {
    return this.#link.status
  }

  /** Starts to connect; does not wait for the exporter. */
  start(): void {
    if (this.#tick !== undefined) return
    this.#link.start()
    this.#spool?.start()
    this.#planTick()
  }

  /**
   * Sends unacknowledged observations for up to a second, leaves the rest to
   * the next process, and disconnects. Idempotent. Later observations are
   * discarded.
   */
  async close(): Promise<void> {
    this.#tick?.()
    // Makes a later start() do nothing.
    this.#tick = () => undefined
    await this.#link.close()
    await this.#spool?.close()
  }

  #planTick(): void {
    this.#tick = this.#clock.after(SNAPSHOT_INTERVAL_MS, () => {
      // A snapshot does this too, but none is sent without an exporter.
      this.#snapshots.retireSeries()
      this.#link.requestSnapshotNow()
      this.#planTick()
    })
  }
}
