import type { StreamId } from '../../shared/protocol/ids.ts'

/** Maximum numbers of viewers; 0 means no cap. */
export interface Caps {
  readonly total: number
  readonly perStream: number
}

/** One viewer, counted against the caps. */
export interface Slot {
  /** Uncounts the viewer. Idempotent. */
  release(): void
}

/** The cap that is reached. */
export interface CapReached {
  readonly scope: 'global' | 'stream'
  readonly limit: number
}

/**
 * Counts viewers against the caps. A slot is taken synchronously, before the
 * worker is involved, so that concurrent requests cannot exceed a cap.
 */
export class Slots {
  readonly #caps: Caps
  readonly #perStream = new Map<StreamId, number>()
  #total = 0

  constructor(caps: Caps) {
    this.#caps = caps
  }

  /** Takes a slot, or returns the cap that is reached; `global` if both are. */
  take(streamId: StreamId): Slot | CapReached {
    const { total, perStream } = this.#caps
    const count = this.#perStream.get(streamId) ?? 0
    if (total > 0 && this.#total >= total) {
      return { scope: 'global', limit: total }
    }
    if (perStream > 0 && count >= perStream) {
      return { scope: 'stream', limit: perStream }
    }
    this.#total++
    this.#perStream.set(streamId, count + 1)
    let taken = true
    return {
      release: () => {
        if (taken) this.#release(streamId)
        taken = false
      },
    }
  }

  #release(streamId: StreamId): void {
    this.#total--
    const left = (this.#perStream.get(streamId) ?? 0) - 1
    if (left > 0) this.#perStream.set(streamId, left)
    else this.#perStream.delete(streamId)
  }
}
