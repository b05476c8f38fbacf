import type { Report } from '../../shared/catalogue.ts'
import { PROTOCOL, type Snapshot } from '../../shared/frames.ts'
import type { BootId } from '../../shared/ids.ts'
import {
  MAX_STREAMS_PER_SNAPSHOT,
  SNAPSHOT_INTERVAL_MS,
} from '../../shared/limits.ts'
import type { Log } from '../../shared/log.ts'
import { OnceLog } from '../../shared/once-log.ts'
import { Cells } from './cells.ts'
import { systemClock, type Cancel, type Clock } from '../clock.ts'
import { Link } from './link.ts'

/** What is now, as the exporter shows it in gauges. */
export type View = Omit<Snapshot, 'kind'>

export interface OutboxOptions {
  /** CORE_ID; the exporter refuses another than its own. */
  readonly core: string
  /** This life of the process. */
  readonly boot: BootId
  /** The exporter's ingest address, ws: or wss:. */
  readonly url: URL
  /** Shared secret, sent as bearer token. */
  readonly token?: string | undefined
  /** Every registered stream, and the port pool; called often, so cheap. */
  readonly snapshot: () => View
  readonly log: Log
  readonly clock?: Clock
  readonly random?: () => number
}

/**
 * Where the media process tells what happened. Totals per series wait here
 * until the exporter has them; while it is away they merge, so memory is
 * bounded by the series and nothing is lost.
 */
export class Outbox {
  /**
   * Tells one observation: a few map look-ups, whatever the state of the
   * exporter. Never throws; what the catalogue does not allow is counted as
   * lost.
   */
  readonly report: Report = observation => {
    this.#cells.add(observation)
  }

  readonly #snapshot: () => View
  readonly #log: OnceLog
  readonly #clock: Clock
  readonly #cells: Cells
  readonly #link: Link
  #tick: Cancel | undefined

  constructor(options: OutboxOptions) {
    const { core, boot, url, token, snapshot, log } = options
    const { clock = systemClock, random = Math.random } = options
    this.#snapshot = snapshot
    this.#log = new OnceLog(log)
    this.#clock = clock
    this.#cells = new Cells({
      onOwed: () => {
        this.#link.wake()
      },
      onNewStream: () => {
        this.#link.tell()
      },
    })
    this.#link = new Link({
      hello: { kind: 'hello', protocol: PROTOCOL, core, boot },
      url,
      token,
      cells: this.#cells,
      snapshot: () => this.#tell(),
      log,
      clock,
      random,
    })
  }

  /**
   * Says that a stream or a viewer came or went: a snapshot goes out soon,
   * one for many calls. To be called in the same tick as the change, so that
   * a new stream is known before its first observation.
   */
  changed(): void {
    this.#link.tell()
  }

  /** Starts to connect; does not wait for the exporter. */
  start(): void {
    if (this.#tick !== undefined) return
    this.#link.start()
    this.#plan()
  }

  /**
   * Brings what is owed to the exporter where that takes no longer than a
   * second, and ends. Idempotent. What is reported later goes nowhere.
   */
  async close(): Promise<void> {
    this.#tick?.()
    // A start that comes later starts nothing.
    this.#tick = () => undefined
    await this.#link.close()
  }

  #plan(): void {
    this.#tick = this.#clock.after(SNAPSHOT_INTERVAL_MS, () => {
      // Also while the exporter is away: removed streams are forgotten.
      this.#look()
      this.#link.tellNow()
      this.#plan()
    })
  }

  /** Takes a snapshot to be sent. */
  #tell(): Snapshot | undefined {
    const snapshot = this.#look()
    if (snapshot === undefined) return undefined
    const { streams } = snapshot
    const gone = this.#cells
      .takeUntold()
      .slice(0, MAX_STREAMS_PER_SNAPSHOT - streams.length)
      .map(id => ({ id, running: false, peers: 0, degraded: false }))
    return { ...snapshot, streams: [...streams, ...gone] }
  }

  /** Takes a snapshot, and lets go of the cells of streams long gone. */
  #look(): Snapshot | undefined {
    try {
      const { streams: all, udpPorts } = this.#snapshot()
      const streams = all.slice(0, MAX_STREAMS_PER_SNAPSHOT)
      if (all.length > streams.length) {
        this.#log.once(
          'warn',
          'streams over the limit are not shown in metrics',
          {
            streams: all.length,
            limit: MAX_STREAMS_PER_SNAPSHOT,
          },
        )
      }
      const ids = new Set<string>(streams.map(({ id }) => id))
      this.#cells.retire(ids, this.#clock.steadyMs())
      return { kind: 'snapshot', streams, udpPorts }
    } catch (error) {
      this.#log.once('warn', 'state for metrics cannot be read', { error })
      return undefined
    }
  }
}
