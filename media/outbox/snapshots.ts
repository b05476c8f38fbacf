import type { Snapshot } from '../../shared/protocol/frames.ts'
import { MAX_STREAMS_PER_SNAPSHOT } from '../../shared/protocol/limits.ts'
import type { Log } from '../../shared/runtime/log.ts'
import { OnceLog } from '../../shared/runtime/once-log.ts'
import type { Clock } from '../../shared/runtime/clock.ts'
import type { SeriesStore } from './series-store.ts'
import type { Unacked } from './unacked.ts'

/** The current state of the media process, for the exporter's gauges. */
export type View = Omit<Snapshot, 'kind'>

export interface SnapshotOptions {
  /** Every registered stream, and the port pool. Called often. */
  readonly view: () => View
  readonly series: SeriesStore
  readonly unacked: Unacked
  readonly clock: Clock
  readonly log: Log
}

/** Makes snapshots of the view, and retires series of removed streams. */
export class Snapshots {
  readonly #options: SnapshotOptions
  readonly #log: OnceLog

  constructor(options: SnapshotOptions) {
    this.#options = options
    this.#log = new OnceLog(options.log)
  }

  /** Whether a stream has to be announced before its series are sent. */
  get hasUnannounced(): boolean {
    return this.#options.series.hasUnannounced
  }

  /** Takes the next snapshot to send; undefined if the view throws. */
  take(): Snapshot | undefined {
    const snapshot = this.#readView()
    if (snapshot === undefined) return undefined
    const { streams } = snapshot
    const removed = this.#options.series
      .takeUnannounced()
      .slice(0, MAX_STREAMS_PER_SNAPSHOT - streams.length)
      .map(id => ({ id, running: false, peers: 0, degraded: false }))
    return { ...snapshot, streams: [...streams, ...removed] }
  }

  /** Retires series of removed streams; `take` does so too. */
  retireSeries(): void {
    this.#readView()
  }

  #readView(): Snapshot | undefined {
    const { view, series, unacked, clock } = this.#options
    try {
      const { streams: all, udpPorts, draining } = view()
      const streams = all.slice(0, MAX_STREAMS_PER_SNAPSHOT)
      if (all.length > streams.length) {
        this.#log.once('warn', 'metrics leave out streams over the limit', {
          streams: all.length,
          limit: MAX_STREAMS_PER_SNAPSHOT,
        })
      }
      const ids = new Set<string>(streams.map(({ id }) => id))
      series.retire(ids, clock.steadyMs(), one => unacked.isAcked(one))
      return {
        kind: 'snapshot',
        streams,
        udpPorts,
        ...(draining && { draining }),
      }
    } catch (error) {
      this.#log.once('warn', 'cannot read the state for metrics', { error })
      return undefined
    }
  }
}
