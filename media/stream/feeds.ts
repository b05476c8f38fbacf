import { EngineError } from '../engine/engine-error.ts'
import type { MediaWorker } from '../engine/media-worker.ts'
import { layoutKey, serves, type Layout } from './layout.ts'
import type { Feed } from './feed.ts'

/** A feed in use by one viewer. */
export interface FeedUse {
  readonly feed: Feed
  /** The viewer is gone. Idempotent. */
  done(): void
}

export interface FeedsOptions {
  /** The feed that the legs are in; closed by its owner. */
  readonly own: Feed
  readonly openPiped: (worker: MediaWorker, layout: Layout) => Promise<Feed>
  /** How long a feed without viewers waits for the next, milliseconds. */
  readonly idleMs: number
  /** Most piped feeds: a client must not make as many as it likes. */
  readonly most: number
}

interface Entry {
  readonly worker: MediaWorker
  readonly layout: Layout
  /** Shared by all who want it first. */
  readonly feed: Promise<Feed>
  users: number
  idle: NodeJS.Timeout | undefined
}

/** The feeds of a stream: its own and the piped ones, which come and go. */
export class Feeds {
  readonly #options: FeedsOptions
  /** By worker and layout; the one that was used longest ago is first. */
  readonly #piped = new Map<string, Entry>()
  #closed = false

  constructor(options: FeedsOptions) {
    this.#options = options
  }

  /**
   * A feed in `worker` that serves the layout, made where there is none.
   * @throws {EngineError}
   */
  async use(worker: MediaWorker, wants: Layout): Promise<FeedUse> {
    const { own } = this.#options
    if (worker === own.worker && serves(own.layout, wants)) {
      return { feed: own, done: () => undefined }
    }
    const key = `${worker.pid} ${layoutKey(wants)}`
    const entry = this.#piped.get(key) ?? this.#open(key, worker, wants)
    const done = this.#enter(key, entry)
    try {
      return { feed: await entry.feed, done }
    } catch (error) {
      done()
      throw error
    }
  }

  /** Closes the piped feeds. Idempotent. */
  close(): void {
    this.#closed = true
    for (const [key, entry] of this.#piped) this.#drop(key, entry)
  }

  #open(key: string, worker: MediaWorker, layout: Layout): Entry {
    this.#makeRoom()
    const entry: Entry = {
      worker,
      layout,
      feed: this.#options.openPiped(worker, layout),
      users: 0,
      idle: undefined,
    }
    this.#piped.set(key, entry)
    entry.feed.then(
      feed => {
        feed.router.once('workerclose', () => {
          this.#drop(key, entry)
        })
      },
      () => {
        this.#drop(key, entry)
      },
    )
    return entry
  }

  #enter(key: string, entry: Entry): () => void {
    clearTimeout(entry.idle)
    entry.users++
    if (this.#piped.get(key) === entry) {
      this.#piped.delete(key)
      this.#piped.set(key, entry)
    }
    let here = true
    return () => {
      if (!here) return
      here = false
      entry.users--
      if (entry.users > 0) return
      entry.idle = setTimeout(() => {
        this.#drop(key, entry)
      }, this.#options.idleMs)
      entry.idle.unref()
    }
  }

  #makeRoom(): void {
    if (this.#closed) {
      throw new EngineError('worker', 'Cannot pipe a stream: it was stopped')
    }
    if (this.#piped.size < this.#options.most) return
    for (const [key, entry] of this.#piped) {
      if (entry.users > 0) continue
      this.#drop(key, entry)
      return
    }
    throw new EngineError(
      'layouts',
      `Cannot pipe a stream: ${this.#piped.size} payload-type layouts have ` +
        `viewers, limit is ${this.#options.most}`,
    )
  }

  #drop(key: string, entry: Entry): void {
    clearTimeout(entry.idle)
    if (this.#piped.get(key) === entry) this.#piped.delete(key)
    entry.feed.then(
      feed => {
        feed.close()
      },
      () => undefined,
    )
  }
}
