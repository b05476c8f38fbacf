import type { StreamId } from '../../shared/ids.ts'

/** Most viewers; 0 is no cap. */
export interface Caps {
  readonly total: number
  readonly perStream: number
}

/** A viewer's place under the caps. */
export interface Slot {
  /** Gives the place back. Idempotent. */
  release(): void
}

/** Which cap left no place, and what it is. */
export interface Refusal {
  readonly scope: 'global' | 'stream'
  readonly limit: number
}

/**
 * Counts viewers under the caps. A place is taken before the worker is asked,
 * in one synchronous step, so that no crowd of requests can exceed a cap.
 */
export class Slots {
  readonly #caps: Caps
  readonly #perStream = new Map<StreamId, number>()
  #total = 0

  constructor(caps: Caps) {
    this.#caps = caps
  }

  /** Takes a place, or says which cap is reached: global where both are. */
  take(streamId: StreamId): Slot | Refusal {
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
        if (taken) this.#giveBack(streamId)
        taken = false
      },
    }
  }

  /** Places taken, over all streams. */
  get taken(): number {
    return this.#total
  }

  #giveBack(streamId: StreamId): void {
    this.#total--
    const left = (this.#perStream.get(streamId) ?? 0) - 1
    if (left > 0) this.#perStream.set(streamId, left)
    else this.#perStream.delete(streamId)
  }
}
