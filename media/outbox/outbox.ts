import type { Report } from '../../shared/catalogue.ts'
import { PROTOCOL, type Hello, type Snapshot } from '../../shared/frames.ts'
import type { BootId } from '../../shared/ids.ts'
import {
  MAX_STREAMS_PER_SNAPSHOT,
  SNAPSHOT_INTERVAL_MS,
} from '../../shared/limits.ts'
import type { Log } from '../../shared/log.ts'
import { OnceLog } from '../../shared/once-log.ts'
import { Cells } from './cells.ts'
import { systemClock, type Cancel, type Clock } from '../clock.ts'
import type { Leftover } from './leftover.ts'
import { Link } from './link.ts'
import { Spool } from './spool.ts'

/** What is now, as the exporter shows it in gauges. */
export type View = Omit<Snapshot, 'kind'>

export interface OutboxOptions {
  /** CORE_ID; the exporter refuses another than its own. */
  readonly core: string
  /** This life of the process; that of `leftover` goes before. */
  readonly boot: BootId
  /** What the process before owed: see readLeftover. */
  readonly leftover?: Leftover | undefined
  /**
   * File that outlives a process which ends while the exporter does not keep
   * up; none: what it owed is lost.
   */
  readonly spoolPath?: string
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
  readonly #spool: Spool | undefined
  readonly #hello: Omit<Hello, 'boot'>
  #boot: BootId
  #tick: Cancel | undefined

  constructor(options: OutboxOptions) {
    const { core, boot, url, token, snapshot, log } = options
    const { leftover, spoolPath: path } = options
    const { clock = systemClock, random = Math.random } = options
    this.#snapshot = snapshot
    this.#log = new OnceLog(log)
    this.#clock = clock
    this.#hello = { kind: 'hello', protocol: PROTOCOL, core }
    this.#boot = leftover?.boot ?? boot
    const hello = () => ({ ...this.#hello, boot: this.#boot })
    this.#cells = new Cells({
      leftover,
      onOwed: () => {
        this.#link.wake()
        this.#spool?.watch()
      },
      onNewStream: () => {
        this.#link.tell()
      },
    })
    this.#link = new Link({
      hello,
      url,
      token,
      cells: this.#cells,
      beforeBatch: send => {
        if (this.#spool === undefined) send()
        else this.#spool.before(send)
      },
      onRetired: () => this.#renew(boot),
      snapshot: () => this.#tell(),
      log,
      clock,
      random,
    })
    if (path === undefined) return
    this.#spool = new Spool({
      path,
      cells: this.#cells,
      hello,
      isLive: () => this.#link.live,
      exists: leftover !== undefined,
      clock,
      log,
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
    this.#spool?.start()
    this.#plan()
  }

  /**
   * Brings what is owed to the exporter where that takes no longer than a
   * second, or else leaves it for the next process, and ends. Idempotent. What
   * is reported later goes nowhere.
   */
  async close(): Promise<void> {
    this.#tick?.()
    // A start that comes later starts nothing.
    this.#tick = () => undefined
    await this.#link.close()
    await this.#spool?.close()
  }

  /**
   * Ends the boot of a leftover. The exporter took another boot's word after
   * it, so nobody knows what it has of this one.
   */
  #renew(boot: BootId): boolean {
    if (this.#boot === boot) return false
    this.#boot = boot
    this.#cells.abandon()
    this.#spool?.outdate()
    this.#log.once('error', 'what the last media process owed is lost', {
      reason: 'the exporter has heard of a newer one',
    })
    return true
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
