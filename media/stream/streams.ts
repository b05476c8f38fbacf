/**
 * media/stream holds the registered streams.
 * Owns: a state machine per stream over its legs, its routers and its viewers.
 * Gets: workers and ports from engine/, legs from ingest/, the events of FFmpeg
 * from process/. Gives: whep/ a transport per viewer, web/ the status. To read
 * it: stream-state.ts, then stream-machine.ts, then live-stream.ts, and
 * demand.ts for streams that start on demand.
 */
import type { Report } from '../../shared/protocol/catalogue.ts'
import type { StreamId } from '../../shared/protocol/ids.ts'
import type { Log } from '../../shared/runtime/log.ts'

import type { Engine } from '../engine/engine.ts'
import type { ExternalWebrtc, ManagedWebrtc } from '../ingest/webrtc-config.ts'
import { RelayThread } from '../ingest/relay/relay-thread.ts'
import type { StreamRegistry } from '../process/stream-port.ts'
import { LiveStream } from './live-stream.ts'
import { StateTimes } from './state-times.ts'
import type { StreamStatus } from './status.ts'
import type { StreamSettings } from './stream-settings.ts'
import type { ViewerStreams } from '../whep/stream-port.ts'

export interface StreamsOptions {
  readonly engine: Engine
  readonly settings: StreamSettings
  readonly report: Report
  readonly log: Log
  /** Called when something that a snapshot or a list shows has changed. */
  readonly onChange: () => void
}

/** The registered streams. */
export class Streams implements ViewerStreams, StreamRegistry {
  readonly #options: StreamsOptions
  readonly #relayThread: RelayThread
  readonly #streams = new Map<string, LiveStream>()
  readonly #times = new StateTimes()

  constructor(options: StreamsOptions) {
    this.#options = options
    this.#relayThread = new RelayThread(options.settings.limits, options.log)
  }

  /**
   * Registers a stream, stopped.
   * @throws {RangeError} if the id is registered already
   */
  add(id: StreamId, config: ManagedWebrtc | ExternalWebrtc): LiveStream {
    if (this.#streams.has(id)) {
      throw new RangeError(`Cannot register stream ${id}: it exists`)
    }
    const { onChange } = this.#options
    const stream: LiveStream = new LiveStream({
      ...this.#options,
      relayThread: this.#relayThread,
      id,
      config,
      onChange: () => {
        if (this.#streams.has(id)) this.#times.note(stream.status, Date.now())
        onChange()
      },
      onRemoved: () => {
        this.#streams.delete(id)
        this.#times.forget(id)
        onChange()
      },
    })
    this.#streams.set(id, stream)
    this.#times.note(stream.status, Date.now())
    onChange()
    return stream
  }

  find(id: string): LiveStream | undefined {
    return this.#streams.get(id)
  }

  /** All streams, in the order of registration. */
  get all(): readonly LiveStream[] {
    return [...this.#streams.values()]
  }

  statuses(): readonly StreamStatus[] {
    return this.all.map(stream => stream.status)
  }

  /**
   * When a stream last changed its state, or became degraded or healthy, in
   * milliseconds since 1970.
   */
  changedAtMs(id: StreamId): number | undefined {
    return this.#times.changedAtMs(id)
  }

  /** Removes all streams, and ends the relay thread. Idempotent. */
  async close(): Promise<void> {
    await Promise.all(this.all.map(stream => stream.remove()))
    await this.#relayThread.close()
  }
}
